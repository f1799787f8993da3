#include "lib/config/config.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <sstream>
#include <variant>

#include "lib/base/file.h"
#include "lib/text/utf8.h"
#include "toml.hpp"

namespace zane::config {
namespace {

// Orbit takes no enrolment token that lives longer than an hour (docs/link.md).
constexpr int64_t kPairingMinutesMax = 60;
// Far beyond sense, and far from where milliseconds and bytes overflow.
constexpr int64_t kKeepMax = 1000000;

// Where a key's value goes; the alternative is its type in the file.
using Target = std::variant<std::string*, int64_t*, std::vector<std::string>*>;
using Section = std::map<std::string, Target>;

std::map<std::string, Section> sections_of(Config& c) {
  return {
      {"mac", {{"name", &c.mac.name}}},
      {"codex", {{"binary", &c.codex.binary}, {"socket", &c.codex.socket}, {"home", &c.codex.home}}},
      {"orbit",
       {{"url", &c.orbit.url},
        {"user", &c.orbit.user},
        {"ca_file", &c.orbit.ca_file},
        {"public_url", &c.orbit.public_url}}},
      {"policy", {{"folders", &c.policy.folders}, {"pairing_minutes", &c.policy.pairing_minutes}}},
      {"webhook", {{"port", &c.webhook.port}}},
      {"journal", {{"keep_days", &c.journal.keep_days}, {"keep_mib", &c.journal.keep_mib}}},
  };
}

Section section_of(Hook& h) {
  return {{"id", &h.id},   {"name", &h.name},     {"scheme", &h.scheme}, {"secret_file", &h.secret_file},
          {"cwd", &h.cwd}, {"prompt", &h.prompt}, {"model", &h.model},   {"effort", &h.effort}};
}

template <typename Map>
std::vector<std::string> keys_of(const Map& map) {
  std::vector<std::string> keys;
  for (const auto& [key, unused] : map) keys.push_back(key);
  return keys;
}

absl::Status unknown(const std::string& where, const std::string& key,
                     const std::vector<std::string>& known) {
  const std::string near = nearest(key, known);
  std::string all;
  for (const auto& k : known) all += (all.empty() ? "`" : ", `") + k + "`";
  return absl::InvalidArgumentError(where + ": unknown key `" + key + "`: " +
                                    (near.empty() ? "known are " + all : "did you mean `" + near + "`?"));
}

absl::Status store(const Target& target, const toml::value& value, const std::string& where) {
  if (auto* text = std::get_if<std::string*>(&target)) {
    if (!value.is_string()) return absl::InvalidArgumentError(where + " must be a text in quotes");
    **text = std::string(value.as_string());
  } else if (auto* number = std::get_if<int64_t*>(&target)) {
    if (!value.is_integer()) return absl::InvalidArgumentError(where + " must be a whole number");
    **number = value.as_integer();
  } else if (auto* list = std::get_if<std::vector<std::string>*>(&target)) {
    if (!value.is_array()) return absl::InvalidArgumentError(where + " must be a list of texts");
    for (const auto& entry : value.as_array()) {
      if (!entry.is_string()) return absl::InvalidArgumentError(where + " must be a list of texts");
      (*list)->push_back(std::string(entry.as_string()));
    }
  }
  return absl::OkStatus();
}

absl::Status fill(const Section& section, const toml::value& table, const std::string& file,
                  const std::string& name) {
  if (!table.is_table())
    return absl::InvalidArgumentError(file + ": `" + name + "` must be a table: write [" + name + "]");
  for (const auto& [key, value] : table.as_table()) {
    const auto known = section.find(key);
    if (known == section.end()) return unknown(file + ", in [" + name + "]", key, keys_of(section));
    if (auto ok = store(known->second, value, file + ": `" + name + "." + key + "`"); !ok.ok()) return ok;
  }
  return absl::OkStatus();
}

absl::Status check_hook(const Hook& hook, const std::string& file) {
  const bool id_ok =
      !hook.id.empty() && hook.id.size() <= 64 && std::all_of(hook.id.begin(), hook.id.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
      });
  if (!id_ok)
    return absl::InvalidArgumentError(file + ": a [[hook]] needs an `id` of 1 to 64 letters, digits, _ or -");
  const std::string which = file + ": hook `" + hook.id + "`";
  if (hook.scheme != "github" && hook.scheme != "hmac" && hook.scheme != "standard")
    return absl::InvalidArgumentError(which + ": `scheme` must be \"github\", \"hmac\" or \"standard\"");
  if (!hook.secret_file.empty() && hook.secret_file[0] != '/')
    return absl::InvalidArgumentError(which +
                                      ": `secret_file` must be an absolute path in $ZANE_HOME; without one " +
                                      "it is $ZANE_HOME/keys/hooks/" + hook.id);
  if (hook.cwd.empty() || hook.cwd[0] != '/')
    return absl::InvalidArgumentError(which + " needs `cwd`, an absolute path");
  if (hook.prompt.empty()) return absl::InvalidArgumentError(which + " needs `prompt`, what Codex is to do");
  return absl::OkStatus();
}

absl::Status fill_hooks(Config& config, const toml::value& value, const std::string& file) {
  if (!value.is_array()) return absl::InvalidArgumentError(file + ": `hook` must be a list: write [[hook]]");
  for (const auto& entry : value.as_array()) {
    Hook hook;
    if (auto ok = fill(section_of(hook), entry, file, "hook"); !ok.ok()) return ok;
    if (auto ok = check_hook(hook, file); !ok.ok()) return ok;
    if (hook.name.empty()) hook.name = hook.id;
    for (const Hook& other : config.hooks)
      if (other.id == hook.id)
        return absl::InvalidArgumentError(file + ": two hooks have the id `" + hook.id + "`");
    config.hooks.push_back(std::move(hook));
  }
  return absl::OkStatus();
}

absl::Status fill_config(Config& config, const toml::value& root, const std::string& file) {
  auto sections = sections_of(config);
  for (const auto& [key, value] : root.as_table()) {
    if (key == "hook") {
      if (auto ok = fill_hooks(config, value, file); !ok.ok()) return ok;
      continue;
    }
    const auto section = sections.find(key);
    if (section == sections.end()) {
      auto known = keys_of(sections);
      known.push_back("hook");
      return unknown(file, key, known);
    }
    if (auto ok = fill(section->second, value, file, key); !ok.ok()) return ok;
  }
  for (const auto& folder : config.policy.folders)
    if (!folder.starts_with('/') && folder != "~" && !folder.starts_with("~/"))
      return absl::InvalidArgumentError(file + ": `policy.folders`: `" + folder +
                                        "` must be an absolute path or begin with ~/");
  if (config.webhook.port < 0 || config.webhook.port > 65535)
    return absl::InvalidArgumentError(file + ": `webhook.port` must be 0 to 65535");
  if (config.policy.pairing_minutes < 1 || config.policy.pairing_minutes > kPairingMinutesMax)
    return absl::InvalidArgumentError(file + ": `policy.pairing_minutes` must be 1 to 60");
  if (config.journal.keep_days < 1 || config.journal.keep_days > kKeepMax || config.journal.keep_mib < 1 ||
      config.journal.keep_mib > kKeepMax)
    return absl::InvalidArgumentError(file +
                                      ": `journal.keep_days` and `journal.keep_mib` must be 1 to 1000000");
  return absl::OkStatus();
}

size_t edits_between(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  size_t fewest = std::max<size_t>(2, word.size() / 2) + 1;
  for (const auto& candidate : known) {
    const size_t edits = edits_between(word, candidate);
    if (edits < fewest) {
      fewest = edits;
      best = candidate;
    }
  }
  return best;
}

absl::StatusOr<Config> parse(const std::string& text, const std::string& file_name) {
  // Names and folders of it are told in texts, which are UTF-8 and nothing else.
  if (!zane::text::is_utf8(text))
    return absl::InvalidArgumentError(file_name + " is not UTF-8: save it as UTF-8 in your editor");
  Config config;
  try {
    std::istringstream stream(text);
    const auto root = toml::parse(stream, file_name);
    if (auto ok = fill_config(config, root, file_name); !ok.ok()) return ok;
  } catch (const std::exception& e) {
    // toml11 says file, line, column and shows the place.
    return absl::InvalidArgumentError(e.what());
  }
  return config;
}

absl::StatusOr<Config> load(const base::Home& home) {
  const auto file = home.config_file();
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return Config{};
  auto text = base::read_file(file);
  if (!text.ok()) return text.status();
  return parse(*text, file.string());
}

}  // namespace zane::config
