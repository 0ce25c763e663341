#ifndef SIGNET_SRC_LOOKUP_IO_H_
#define SIGNET_SRC_LOOKUP_IO_H_

#include <functional>
#include <memory>
#include <string>

#include "drivers/host/host_api.h"
#include "src/base/log.h"
#include "src/config/config.h"
#include "src/engine/engine.h"

namespace signet::lookup {

// What drivers see as `struct signet_worker`: waiting, connections and TLS of the loop
// that runs the calling thread.
//
//   Lifetime  shared by the lookup Worker and the tasks that drivers spawned: a driver may
//             use its handle until the last of them has ended.
class Host : public signet_worker, public std::enable_shared_from_this<Host> {
 public:
  Host(config::ConfigPtr config, signet::Log* log) : config_(std::move(config)), log_(log) {}

  const expand::Names* names() const { return config_ ? config_->names.get() : nullptr; }
  bool MainOption(std::string_view name, std::string_view* text) override;
  void Log(std::string_view line) override;
  bool Spawn(std::function<void()> body) override;
  void RunBlocking(const std::function<void()>& body) override;
  void RunOnBigStack(const std::function<void()>& body) override;
  signet_event* MakeEvent() override;
  signet_io Connect(const signet_endpoint& endpoint, std::int64_t deadline_ms,
                    signet_stream** stream) override;

  // In place of the network: makes each connection from now on. TLS on them is only said.
  void SetConnector(std::function<engine::Socket()> connector) {
    connector_ = std::move(connector);
  }

  // Defaults of the drivers' main options, for MainOption.
  void AddDefaults(const std::vector<drivers::OptionRow>& rows);

 private:
  config::ConfigPtr config_;
  signet::Log* log_;
  std::function<engine::Socket()> connector_;  // empty: the network
  std::map<std::string, std::string, std::less<>> defaults_;
};

}  // namespace signet::lookup
#endif
