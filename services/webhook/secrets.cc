#include "services/webhook/secrets.h"

#include <algorithm>

#include "lib/base/file.h"
#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"

namespace zane::webhook {
namespace {

namespace fs = std::filesystem;

constexpr size_t kSecretBytes = 32;

bool lies_in(const fs::path& file, const fs::path& folder) {
  std::error_code error;
  const fs::path real = fs::weakly_canonical(file, error);
  if (error) return false;
  const fs::path home = fs::canonical(folder, error);
  if (error) return false;
  return std::mismatch(home.begin(), home.end(), real.begin(), real.end()).first == home.end();
}

}  // namespace

fs::path secret_file_of(const base::Home& home, const config::Hook& hook) {
  return hook.secret_file.empty() ? home.key("hooks") / hook.id : fs::path(hook.secret_file);
}

absl::StatusOr<std::string> secret_of(const base::Home& home, const config::Hook& hook) {
  const fs::path file = secret_file_of(home, hook);
  if (!lies_in(file, home.root())) {
    const std::string right = (home.key("hooks") / hook.id).string();
    return absl::FailedPreconditionError(
        "the hook's secret `" + file.string() + "` lies where a sandboxed task can read it: run `mv '" +
        file.string() + "' '" + right + "'`, and take `secret_file` out of hook `" + hook.id +
        "` in zane.toml");
  }
  auto secret = base::read_secret_file(file);
  while (secret.ok() && (secret->ends_with('\n') || secret->ends_with('\r'))) secret->pop_back();
  return secret;
}

absl::StatusOr<bool> make_secret(const base::Home& home, const config::Hook& hook) {
  if (!hook.secret_file.empty()) return false;
  std::error_code ignored;
  fs::create_directory(home.key("hooks"), ignored);
  fs::permissions(home.key("hooks"), fs::perms::owner_all, ignored);
  if (fs::exists(home.key("hooks") / hook.id, ignored)) return false;
  const auto made = base::create_secret_file(home.key("hooks") / hook.id,
                                             crypto::to_hex(crypto::random_bytes(kSecretBytes)) + "\n");
  if (absl::IsAlreadyExists(made)) return false;
  if (!made.ok()) return made;
  return true;
}

}  // namespace zane::webhook
