#include "test/support/redis.h"

#include <stdexcept>
#include <vector>

namespace signet::test {

RedisServer::RedisServer(std::string password) : port_(FreePort()), password_(std::move(password)) {
  Start();
}

void RedisServer::Start() {
  std::vector<std::string> arguments = {PeersDirectory() + "/usr/bin/redis-server",
                                        "--port",
                                        std::to_string(port_),
                                        "--bind",
                                        "127.0.0.1",
                                        "--unixsocket",
                                        socket(),
                                        "--dir",
                                        directory_.path(),
                                        "--save",
                                        ""};
  if (!password_.empty()) arguments.insert(arguments.end(), {"--requirepass", password_});
  process_ =
      std::make_unique<Process>(arguments, Process::Options{.environment = PeerEnvironment()});
  if (!WaitUntil([&] { return SomebodyListens(port_); }))
    throw std::runtime_error("redis-server did not start: " + process_->Output());
}

}  // namespace signet::test
