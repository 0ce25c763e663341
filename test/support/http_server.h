#ifndef SIGNET_TEST_SUPPORT_HTTP_SERVER_H_
#define SIGNET_TEST_SUPPORT_HTTP_SERVER_H_

#include <memory>
#include <string>

#include "test/support/process.h"

namespace signet::test {

// Python's web server on a loopback port; http_server.py says what it answers.
class HttpServer {
 public:
  // With a certificate (PEM) it speaks https.
  explicit HttpServer(const std::string& certificate = "", const std::string& key = "");
  int port() const { return port_; }
  // "http://127.0.0.1:PORT", or "https://localhost:PORT".
  std::string origin() const;
  // What was requested: "REQUEST METHOD PATH BODY" and "HEADER Name: value" lines.
  std::string Requests() const { return process_->Output(); }

 private:
  int port_;
  bool tls_;
  std::unique_ptr<Process> process_;
};

}  // namespace signet::test
#endif
