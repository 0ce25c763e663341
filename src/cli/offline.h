#ifndef SIGNET_SRC_CLI_OFFLINE_H_
#define SIGNET_SRC_CLI_OFFLINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drivers/host/registry.h"
#include "src/base/log.h"
#include "src/lookup/lookup.h"
#include "src/report/decision.h"
#include "src/smtp/session.h"
#include "src/smtp/site.h"

// The server's own engine with a client that is played: what `explain`, `session`, `audit`,
// `check` (probes) and `check --diff` ask. Nothing is delivered, stored or counted, and no
// upstream is asked.
namespace signet::smtp {
class Dialogue;
}

namespace signet::cli {

// Where lookups are answered.
struct DirectoryChoice {
  enum Kind : std::uint8_t {
    kLive,  // where the configuration says
    kNone,  // nowhere: all of them are deferred
    kLdif,  // searches in a file; other lookups as live
  } kind = kLive;
  std::string file;
};
// "live", "none" or a file's name, as after --directory.
DirectoryChoice ParseDirectory(const std::string& text);

// A client to be played.
struct OfflineClient {
  // Of the configuration's ports: "465", "127.0.0.1:465"; "" is the first one.
  std::string listener;
  std::string ip = "192.0.2.1";  // an address that nobody has
  std::string helo;              // "" is its address
  std::string server_name;       // that it asks for in TLS
  bool tls = true;               // uses STARTTLS where it is offered
  bool tls12 = false;
  std::vector<std::string> chain;  // DER, leaf first; it has the key
  // AUTH: a mechanism, and its responses before base64; the first one goes with the command.
  std::string mechanism;
  std::vector<std::string> responses;
  // The transaction: no MAIL without `from`, no RCPT without `to`. "" is <>.
  std::optional<std::string> from;
  std::vector<std::string> to;
  // In place of `from`: the identity where that is an address, else the first address in the
  // certificate, else postmaster@primary_hostname.
  bool from_is_identity = false;
  std::optional<std::int64_t> at;  // seconds; now
};

struct Played {
  report::Decision decision;
  std::vector<std::string> log;  // lines that a server would have logged, without time stamp
};

// A configuration, ready to be played with.
//
//   Requires  made, used and destroyed inside a coroutine (engine::RunInLoop).
class OfflineSite {
 public:
  // `loaded.site` is not nullptr, and was loaded with LoadTls::kWithoutKeys.
  OfflineSite(smtp::LoadedSite loaded, const drivers::Registry& registry,
              const DirectoryChoice& directory);
  ~OfflineSite();
  OfflineSite(const OfflineSite&) = delete;
  OfflineSite& operator=(const OfflineSite&) = delete;

  // "" or why the directory's file cannot be used.
  const std::string& trouble() const { return trouble_; }
  const smtp::Site& site() const { return *loaded_.site; }

  // Plays the client up to DATA, which it does not send, with a trace of everything.
  // Errors: a listener that the configuration does not have.
  Result<Played, std::string> Play(const OfflineClient& client);

  // The same with commands that somebody else says: `next` is asked for a line, without its
  // end, whenever the client would speak, and is given the replies since then as they would
  // be sent; nullopt ends the connection. When it has ended, `next` gets the last replies, and
  // what it returns does not count. `steps`, if set, is called before each call of
  // `next` with the trace so far.
  using NextLine = std::function<std::optional<std::string>(std::string_view replies)>;
  using SeeSteps = std::function<void(const facts::Trace& trace)>;
  Result<Played, std::string> Converse(const OfflineClient& client, const NextLine& next,
                                       const SeeSteps& steps);
  // Lines logged since the last call, while one of the above goes on.
  std::vector<std::string> TakeLog();

 private:
  struct Listening {
    std::string ip;
    int port = 0;
    bool tls_on_connect = false;
  };
  Result<Listening, std::string> FindListener(const std::string& wanted) const;

  smtp::LoadedSite loaded_;
  std::string trouble_;
  struct Captured;  // the log
  std::unique_ptr<Captured> captured_;
  std::unique_ptr<lookup::Worker> lookups_;  // nullptr: all are deferred
  smtp::Dialogue* playing_ = nullptr;
};

// The listeners of the configuration, "127.0.0.1:587" and "127.0.0.1:465 (TLS)" to show and
// to give to OfflineClient::listener (without what is in brackets).
std::vector<std::string> ListenersOf(const config::Config& config);

// The certificates of a PEM or DER file as a client would send them.
// Errors: with the file's name.
Result<std::vector<std::string>, std::string> ReadChainFile(const std::string& file);

}  // namespace signet::cli
#endif
