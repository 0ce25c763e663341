#ifndef SIGNET_SRC_TLS_LAYER_H_
#define SIGNET_SRC_TLS_LAYER_H_

#include <memory>
#include <string>

#include "src/base/limits.h"
#include "src/tls/tls.h"

struct gnutls_session_int;

// Inside of src/tls only.
namespace signet::tls {

// Layer is one TLS session over one socket, either way round. It waits through the
// engine and computes on the loop thread's stack; the library itself never waits.
//
//   Lifetime  the library keeps raw pointers to credentials, priorities and ticket keys:
//             `keep` holds whatever owns them until after the session is gone.
class Layer final : public Stream {
 public:
  // `flags`: GNUTLS_SERVER or GNUTLS_CLIENT and more, for gnutls_init.
  Layer(engine::Socket socket, unsigned flags, std::shared_ptr<const void> keep);
  ~Layer() override;
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  gnutls_session_int* session() const { return session_; }

  // How a handshake ended: `text` is empty where it succeeded. `code` is the library's.
  struct End {
    int code = 0;
    std::string text;
    bool ok() const { return text.empty(); }
  };
  // Within `deadline` in all and limits::kTlsHandshakeMaxBytes of the peer (rule T8).
  End Handshake(Deadline deadline);

  // Ends the session with a fatal alert and drops what the peer still sends, so that the
  // alert is not lost to a reset. `code`: what went wrong, as the library counts.
  void Refuse(int code);

  engine::IoResult Read(void* data, std::size_t size, Deadline deadline) override;
  engine::IoResult Write(std::string_view data, Deadline deadline) override;
  bool InputPending() override;
  engine::Socket* socket() override { return &socket_; }

 private:
  struct Transport;
  engine::IoResult WaitForPeer(Deadline deadline);
  engine::IoResult Fail(int code);

  engine::Socket socket_;
  std::shared_ptr<const void> keep_;
  gnutls_session_int* session_ = nullptr;
  std::size_t handshake_octets_left_ = limits::kTlsHandshakeMaxBytes;
  bool in_handshake_ = true;
  bool socket_would_block_ = false;  // what the socket said last
  char peeked_ = 0;                  // read by InputPending, for the next Read
  bool has_peeked_ = false;
  bool ended_ = false;  // nothing is read or written any more (rule T3)
};

}  // namespace signet::tls
#endif
