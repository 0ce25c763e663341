#include "test/support/recording_sink.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <thread>
#include <vector>

namespace signet::test {
namespace {

// Not made of the process' number: those come again, and so do the files of one that was killed.
std::string NewName() {
  std::uint64_t random[2];
  if (getrandom(random, sizeof random, 0) != sizeof random) _exit(3);
  char name[40];
  std::snprintf(name, sizeof name, "%016llx%016llx", static_cast<unsigned long long>(random[0]),
                static_cast<unsigned long long>(random[1]));
  return name;
}

// One connection.
class Conversation {
 public:
  Conversation(const RecordingSink& sink, gnutls_certificate_credentials_t credentials, int fd)
      : sink_(sink), credentials_(credentials), fd_(fd) {}
  ~Conversation() {
    if (tls_ != nullptr) gnutls_deinit(tls_);
    close(fd_);
  }
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  void Run() {
    sink_.at(SinkStep::kConnect);
    if (!Say("220 sink.example.org ESMTP\r\n")) return;
    for (std::string line; ReadLine(&line) && Obey(line);) {
    }
  }

 private:
  bool Say(const std::string& text) {
    if (tls_ != nullptr) {
      const auto size = static_cast<ssize_t>(text.size());
      return gnutls_record_send(tls_, text.data(), text.size()) == size;
    }
    return send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }

  ssize_t Receive(char* octets, std::size_t size) {
    if (tls_ == nullptr) return recv(fd_, octets, size, 0);
    ssize_t got;
    do {
      got = gnutls_record_recv(tls_, octets, size);
    } while (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED);
    return got;
  }

  // One line without its CRLF; false at the end of the stream.
  bool ReadLine(std::string* line) {
    for (std::size_t searched = 0;;) {
      const std::size_t end = input_.find('\n', searched);
      if (end != input_.npos) {
        line->assign(input_, 0, end);
        input_.erase(0, end + 1);
        if (!line->empty() && line->back() == '\r')
          line->pop_back();
        else
          Violation("bare LF");
        if (line->find('\r') != line->npos) Violation("bare CR");
        return true;
      }
      searched = input_.size();
      char octets[65536 / 8];
      const ssize_t size = Receive(octets, sizeof octets);
      if (size <= 0) return false;
      input_.append(octets, static_cast<std::size_t>(size));
    }
  }

  void Violation(const std::string& what) const {
    const std::string line = what + '\n';
    const int fd = open((sink_.directory + "/violations").c_str(),
                        O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (write(fd, line.data(), line.size()) < 0) std::perror("violations");
    close(fd);
  }

  bool OutOfOrder(const std::string& line) {
    Violation("out of order: " + line);
    return Say("503 5.5.1 not now\r\n");
  }

  bool Obey(const std::string& line) {
    const std::string verb = line.substr(0, 4);
    if (verb == (sink_.lmtp ? "LHLO" : "EHLO")) return Hello();
    if (line == "STARTTLS") return StartTls();
    if (sink_.xclient && verb == "XCLI") return Xclient(line);
    if (verb == "MAIL") return Mail(line);
    if (verb == "RCPT") return Rcpt(line);
    if (verb == "DATA") return Data(line);
    if (verb == "RSET") {
      mail_.clear(), recipients_.clear();
      return Say("250 2.0.0 forgotten\r\n");
    }
    if (verb == "NOOP") return Say("250 2.0.0 ok\r\n");
    if (verb == "QUIT") {
      sink_.at(SinkStep::kQuit);
      Say("221 2.0.0 bye\r\n");
      return false;
    }
    Violation("unknown: " + line);
    return Say("500 5.5.1 what\r\n");
  }

  bool Hello() {
    sink_.at(SinkStep::kEhlo);
    greeted_ = true;
    mail_.clear(), recipients_.clear();
    std::string reply = "250-sink.example.org\r\n250-PIPELINING\r\n250-8BITMIME\r\n";
    if (OffersTls()) reply += "250-STARTTLS\r\n";
    if (sink_.xclient) reply += "250-XCLIENT LOGIN\r\n";
    return Say(reply + "250-ENHANCEDSTATUSCODES\r\n250 SIZE 104857600\r\n");
  }

  // Another client from now on: the conversation begins anew.
  bool Xclient(const std::string& line) {
    if (!greeted_ || !mail_.empty()) return OutOfOrder(line);
    xclient_ = line;
    greeted_ = false;
    return Say("220 sink.example.org ESMTP\r\n");
  }

  bool OffersTls() const { return credentials_ != nullptr && tls_ == nullptr; }

  bool StartTls() {
    if (!OffersTls()) return OutOfOrder("STARTTLS");
    if (!Say("220 2.0.0 go ahead\r\n")) return false;
    if (!input_.empty()) Violation("talk behind STARTTLS");
    sink_.at(SinkStep::kStarttls);
    gnutls_init(&tls_, GNUTLS_SERVER | GNUTLS_NO_SIGNAL);
    gnutls_set_default_priority(tls_);
    gnutls_credentials_set(tls_, GNUTLS_CRD_CERTIFICATE, credentials_);
    gnutls_transport_set_int(tls_, fd_);
    int result;
    do {
      result = gnutls_handshake(tls_);
    } while (result < 0 && gnutls_error_is_fatal(result) == 0);
    greeted_ = false;
    sink_.at(SinkStep::kHandshake);
    return result == 0;
  }

  bool Mail(const std::string& line) {
    sink_.at(SinkStep::kMail);
    if (!greeted_ || !mail_.empty() || OffersTls()) return OutOfOrder(line);
    mail_ = line;
    return Say("250 2.1.0 ok\r\n");
  }

  bool Rcpt(const std::string& line) {
    sink_.at(SinkStep::kRcpt);
    if (mail_.empty()) return OutOfOrder(line);
    recipients_.push_back(line);
    return Say("250 2.1.5 ok\r\n");
  }

  bool Data(const std::string& command) {
    sink_.at(SinkStep::kData);
    if (recipients_.empty()) return OutOfOrder(command);
    if (!Say("354 go ahead\r\n")) return false;
    std::string content;
    std::size_t lines = 0;
    for (std::string line;; ++lines) {
      // Only a message of which the last line was read is one.
      if (!ReadLine(&line)) return false;
      if (line == ".") break;
      if (line[0] == '.') line.erase(0, 1);
      content += line;
      content += "\r\n";
      if (lines == 2) sink_.at(SinkStep::kHeader);
      if (lines == 30) sink_.at(SinkStep::kBody);
    }
    sink_.at(SinkStep::kDot);
    return Keep(content);
  }

  bool Keep(const std::string& content) {
    std::string replies;
    if (sink_.lmtp) {
      for (const std::string& recipient : recipients_) {
        Store({recipient}, content);
        replies += "250 2.0.0 stored\r\n";
      }
    } else {
      Store(recipients_, content);
      replies = "250 2.0.0 stored\r\n";
    }
    sink_.at(SinkStep::kStored);
    mail_.clear(), recipients_.clear();
    const bool said = Say(replies);
    sink_.at(SinkStep::kReplied);
    return said;
  }

  void Store(const std::vector<std::string>& recipients, const std::string& content) const {
    std::string text = (xclient_.empty() ? "" : xclient_ + '\n') + mail_ + '\n';
    for (const std::string& recipient : recipients) text += recipient + '\n';
    text += '\n' + content;
    const std::string name = NewName();
    const std::string beside = sink_.directory + "/beside/" + name;
    const int fd = open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    for (std::string_view rest = text; !rest.empty();) {
      const ssize_t size = write(fd, rest.data(), rest.size());
      if (size <= 0) _exit(3);  // never a message that is not whole
      rest.remove_prefix(static_cast<std::size_t>(size));
    }
    sink_.at(SinkStep::kWritten);
    if (fsync(fd) != 0 || close(fd) != 0 ||
        rename(beside.c_str(), (sink_.directory + "/accepted/" + name).c_str()) != 0)
      _exit(3);
  }

  const RecordingSink& sink_;
  const gnutls_certificate_credentials_t credentials_;
  gnutls_session_t tls_ = nullptr;
  int fd_;
  std::string input_, mail_, xclient_;
  std::vector<std::string> recipients_;
  bool greeted_ = false;
};

}  // namespace

void RecordingSink::Run() const {
  for (const char* part : {"/beside", "/accepted"})
    std::filesystem::create_directories(directory + part);
  gnutls_certificate_credentials_t credentials = nullptr;
  if (!certificate.empty() &&
      (gnutls_certificate_allocate_credentials(&credentials) != 0 ||
       gnutls_certificate_set_x509_key_file(credentials, certificate.c_str(), key.c_str(),
                                            GNUTLS_X509_FMT_PEM) != 0))
    _exit(5);
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener, 512) != 0)
    _exit(4);
  for (;;) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::thread([this, credentials, fd] { Conversation(*this, credentials, fd).Run(); }).detach();
  }
}

}  // namespace signet::test
