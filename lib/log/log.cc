#include "lib/log/log.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "lib/text/utf8.h"
#include "spdlog/sinks/rotating_file_sink.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace zane::log {
namespace {

constexpr size_t kValueBytesMax = 2000;

bool needs_quotes(std::string_view value) {
  if (value.empty()) return true;
  for (const char c : value)
    if (c <= ' ' || c == '"' || c == '\\' || c == 0x7f) return true;
  return false;
}

void append_value(std::string& line, std::string_view value) {
  const bool cut = value.size() > kValueBytesMax;
  if (cut) value = text::cut_at_character(value, kValueBytesMax);
  if (!needs_quotes(value)) {
    line.append(value);
  } else {
    line.push_back('"');
    for (const char c : value) {
      if (c == '"' || c == '\\') {
        line.push_back('\\');
        line.push_back(c);
      } else if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) {
        char escaped[8];
        std::snprintf(escaped, sizeof escaped, "\\x%02x",
                      static_cast<unsigned>(static_cast<unsigned char>(c)));
        line.append(escaped);
      } else {
        line.push_back(c);
      }
    }
    line.push_back('"');
  }
  if (cut) line.append("…");
}

void write(spdlog::level::level_enum level, std::string_view event, Fields fields) {
  auto* logger = spdlog::default_logger_raw();
  if (logger->should_log(level)) logger->log(level, format(event, fields));
}

// Where lines go; `why` is set when that is not the file that was asked for.
spdlog::sink_ptr sink_for(std::string_view service, std::string& why) {
  const char* folder = std::getenv("ZANE_LOG_DIR");
  if (folder && *folder) {
    try {
      const auto file = std::filesystem::path(folder) / (std::string(service) + ".log");
      return std::make_shared<spdlog::sinks::rotating_file_sink_mt>(file.string(), kLogFileBytesMax,
                                                                    kLogFilesMax - 1);
    } catch (const spdlog::spdlog_ex& e) {
      why = e.what();
    }
  }
  return std::make_shared<spdlog::sinks::stderr_sink_mt>();
}

}  // namespace

std::string format(std::string_view event, Fields fields) {
  std::string line(event);
  for (const Field& field : fields) {
    line.push_back(' ');
    line.append(field.key);
    line.push_back('=');
    append_value(line, field.value);
  }
  return line;
}

void start(std::string_view service) {
  std::string why_no_file;
  auto logger = std::make_shared<spdlog::logger>(std::string(service), sink_for(service, why_no_file));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %n %v");
  const char* level = std::getenv("ZANE_LOG");
  // spdlog takes a name it does not know for "off".
  const auto wanted = level ? spdlog::level::from_str(level) : spdlog::level::info;
  const bool typo = wanted == spdlog::level::off && std::string_view(level) != "off";
  logger->set_level(typo ? spdlog::level::info : wanted);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
  if (!why_no_file.empty()) warn("no_log_file", {{"error", why_no_file}});
  if (typo) warn("unknown_log_level", {{"ZANE_LOG", level}, {"known", "debug, info, warn, error, off"}});
}

void debug(std::string_view event, Fields fields) { write(spdlog::level::debug, event, fields); }
void info(std::string_view event, Fields fields) { write(spdlog::level::info, event, fields); }
void warn(std::string_view event, Fields fields) { write(spdlog::level::warn, event, fields); }
void error(std::string_view event, Fields fields) { write(spdlog::level::err, event, fields); }

}  // namespace zane::log
