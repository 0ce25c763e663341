#include "test/support/http_server.h"

#include <stdexcept>

namespace signet::test {

HttpServer::HttpServer(const std::string& certificate, const std::string& key)
    : port_(FreePort()), tls_(!certificate.empty()) {
  std::vector<std::string> arguments = {"python3", "test/support/http_server.py",
                                        std::to_string(port_)};
  if (tls_) arguments.insert(arguments.end(), {certificate, key});
  process_ = std::make_unique<Process>(std::move(arguments));
  if (!WaitUntil([this] { return SomebodyListens(port_) || !process_->running(); }) ||
      !process_->running())
    throw std::runtime_error("the web server did not start: " + process_->Output());
}

std::string HttpServer::origin() const {
  return (tls_ ? "https://localhost:" : "http://127.0.0.1:") + std::to_string(port_);
}

}  // namespace signet::test
