#include "lib/link/statement.h"

#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"

namespace zane::link {

Signed sign_statement(const crypto::EcKey& mac_key, const boost::json::object& statement) {
  Signed result;
  result.statement = boost::json::serialize(statement);
  result.signature = crypto::to_base64url(mac_key.sign("zane-statement-v1\n" + result.statement));
  return result;
}

std::string approval_digest(std::string_view request, std::string_view shown) {
  std::string preimage = "zane-approval-v1\n";
  for (const auto part : {request, shown}) {
    preimage += std::to_string(part.size());
    preimage += '\n';
    preimage += part;
  }
  return crypto::to_base64url(crypto::sha256(preimage));
}

std::string command_preimage(std::string_view command) {
  std::string preimage = "zane-command-v1\n";
  preimage += command;
  return preimage;
}

}  // namespace zane::link
