// What each of `zane`'s commands does. Each gives an exit code.
#pragma once

#include <string>

namespace zane::console {

struct Options {
  bool json = false;
};

int status(const Options& options);
int threads(const Options& options, int limit);
struct StartOptions {
  std::string cwd;
  std::string prompt;
  std::string model;
  std::string effort;
  std::string permissions;
};
int start(const Options& options, const StartOptions& task);
int tail(const Options& options, const std::string& thread, int past);
int approvals(const Options& options, bool all);
// `choice` empty: plain `accept` resp. `decline`, if they are offered.
enum class Answer { kApprove, kDeny };
int decide(const Options& options, Answer answer, const std::string& approval, const std::string& choice);
int devices(const Options& options);
int pair(const Options& options);
int doctor(const Options& options);
int hooks(const Options& options, int deliveries);
int replay(const Options& options, const std::string& delivery);

}  // namespace zane::console
