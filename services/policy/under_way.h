// Orders that are being carried out: the same bytes a second time wait for the
// first answer and do nothing themselves (design §3). By key, as the store
// remembers them; in memory, for an order under way ends with its process and is
// asked for again. On the loop.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "boost/asio/redirect_error.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "lib/loop/loop.h"
#include "zane/v1/command.pb.h"

namespace zane::policy {

class UnderWay {
 public:
  explicit UnderWay(loop::Io& io) : io_(io) {}

  // False when it is under way already: then wait_for() it.
  bool begin(const std::string& key) { return orders_.try_emplace(key, std::make_shared<Order>(io_)).second; }
  void end(const std::string& key, const v1::CommandAnswer& answer) {
    const auto found = orders_.find(key);
    if (found == orders_.end()) return;
    const auto order = found->second;
    orders_.erase(found);
    order->answer = answer;
    order->done.cancel();
  }
  // Nothing when it was not under way.
  loop::Task<std::optional<v1::CommandAnswer>> wait_for(std::string key) {
    const auto found = orders_.find(key);
    if (found == orders_.end()) co_return std::nullopt;
    const auto order = found->second;
    boost::system::error_code ignored;
    while (!order->answer)
      co_await order->done.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
    co_return order->answer;
  }
  [[nodiscard]] size_t size() const { return orders_.size(); }

 private:
  struct Order {
    explicit Order(loop::Io& io) : done(io, loop::Timer::time_point::max()) {}
    loop::Timer done;
    std::optional<v1::CommandAnswer> answer;
  };
  loop::Io& io_;
  std::unordered_map<std::string, std::shared_ptr<Order>> orders_;
};

}  // namespace zane::policy
