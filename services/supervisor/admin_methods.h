// The Admin service's methods (proto/zane/v1/admin.proto). Each is a coroutine
// on supervisor's loop; gRPC's threads only carry requests and replies.
#pragma once

#include <memory>
#include <mutex>
#include <set>

#include "lib/base/clock.h"
#include "services/supervisor/service.h"
#include "zane/v1/admin.grpc.pb.h"

namespace zane::supervisor {

class TailStream;
// Inside a gRPC service class the name `Service` means another one.
using Supervisor = Service;

class AdminMethods final : public v1::Admin::CallbackService {
 public:
  explicit AdminMethods(Supervisor& service) : service_(service) {}

  grpc::ServerUnaryReactor* Status(grpc::CallbackServerContext* context, const v1::StatusRequest* request,
                                   v1::StatusReply* reply) override;
  grpc::ServerUnaryReactor* Threads(grpc::CallbackServerContext* context, const v1::ThreadsRequest* request,
                                    v1::ThreadsReply* reply) override;
  grpc::ServerUnaryReactor* Start(grpc::CallbackServerContext* context, const v1::StartRequest* request,
                                  v1::StartReply* reply) override;
  grpc::ServerWriteReactor<v1::TailEvent>* Tail(grpc::CallbackServerContext* context,
                                                const v1::TailRequest* request) override;
  grpc::ServerUnaryReactor* Approvals(grpc::CallbackServerContext* context,
                                      const v1::ApprovalsRequest* request,
                                      v1::ApprovalsReply* reply) override;
  grpc::ServerUnaryReactor* Decide(grpc::CallbackServerContext* context, const v1::DecideRequest* request,
                                   v1::DecideReply* reply) override;
  grpc::ServerUnaryReactor* Pair(grpc::CallbackServerContext* context, const v1::PairLinkRequest* request,
                                 v1::PairLinkReply* reply) override;
  grpc::ServerUnaryReactor* Devices(grpc::CallbackServerContext* context, const v1::DevicesRequest* request,
                                    v1::DevicesReply* reply) override;
  grpc::ServerUnaryReactor* Hooks(grpc::CallbackServerContext* context, const v1::HooksQuestion* request,
                                  v1::HooksAnswer* reply) override;
  grpc::ServerUnaryReactor* Replay(grpc::CallbackServerContext* context, const v1::ReplayDelivery* request,
                                   v1::DeliveryReplayed* reply) override;

  // End every Tail and every call under way, for shutdown. On the loop.
  void end_streams();
  // Something is under way, or followed. On the loop.
  bool busy();
  void end_calls();

 private:
  // Runs `task` on the loop and finishes the call with its status.
  grpc::ServerUnaryReactor* on_loop(grpc::CallbackServerContext* context,
                                    std::function<loop::Task<grpc::Status>()> task);
  loop::Task<grpc::Status> decide(const v1::DecideRequest& request, v1::DecideReply& reply);
  loop::Task<grpc::Status> order_json(std::string method, boost::json::object params, std::string command_id,
                                      boost::json::object& result);

  // Whether the call is still to be finished; from now on by the caller.
  bool take_call(grpc::ServerUnaryReactor* reactor);

  Supervisor& service_;
  // Calls that are not finished: begun by gRPC's threads, finished on the loop.
  std::mutex calls_mutex_;
  std::set<grpc::ServerUnaryReactor*> calls_;  // with calls_mutex_
  bool stopping_ = false;                      // with calls_mutex_
  // Touched on the loop alone.
  std::set<std::shared_ptr<TailStream>> tails_;
};

}  // namespace zane::supervisor
