#include <poll.h>

#include "src/tls/tls.h"

namespace signet::tls {
namespace {

class ClearStream final : public Stream {
 public:
  explicit ClearStream(engine::Socket socket) : socket_(std::move(socket)) {}

  engine::IoResult Read(void* data, std::size_t size, Deadline deadline) override {
    return socket_.Read(data, size, deadline);
  }
  engine::IoResult Write(std::string_view data, Deadline deadline) override {
    return socket_.Write(data, deadline);
  }
  bool InputPending() override {
    pollfd waiting = {socket_.fd(), POLLIN, 0};
    return poll(&waiting, 1, 0) > 0;
  }
  engine::Socket* socket() override { return &socket_; }

 private:
  engine::Socket socket_;
};

}  // namespace

std::unique_ptr<Stream> MakeClearStream(engine::Socket socket) {
  return std::make_unique<ClearStream>(std::move(socket));
}

}  // namespace signet::tls
