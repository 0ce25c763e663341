#ifndef SIGNET_SRC_AUTH_SASL_H_
#define SIGNET_SRC_AUTH_SASL_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "expand/expand.h"
#include "src/base/log.h"
#include "src/config/config.h"
#include "src/facts/session.h"

struct signet_worker;

// The AUTH exchange as steps: response in, challenge or verdict out. Base64, cancelling and
// the lines of the protocol are the session's.
namespace signet::auth {

// What an exchange needs of its session. `worker` may be nullptr: then drivers cannot wait.
//
//   Lifetime  all of it outlives the exchange.
struct SaslWorld {
  facts::Session& session;
  expand::Services& services;
  expand::Budget& budget;
  Log* log = nullptr;
  signet_worker* worker = nullptr;
};

// One exchange with one client by one mechanism. $auth1 … $auth4 ($1 … $4), $auth_state,
// $auth_challenge and $auth_step exist while it lives, and are wiped when it ends (A6, I15).
class Exchange {
 public:
  // Requires  the instance's driver is one that is advertised.
  Exchange(const config::Authenticator& instance, SaslWorld world);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // kContinue: `challenge` is to be asked. kDone: `auth` is the verdict, as of
  // AuthenticateAfterTls(): kAuthenticated with an id (I11), kFailed or kDeferred.
  // `told` is what server_condition gave where that was neither yes nor no.
  struct Step {
    bool done = true;
    std::string challenge;
    facts::Auth auth;
    std::string told;
  };
  // The client's answer, decoded; nullopt for a first step without an initial response. May
  // wait.
  //
  //   Requires  no step was the last one.
  Step Respond(std::optional<std::string_view> response);

 private:
  Step Next(std::optional<std::string_view> response);
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

// Whether an instance is to be shown to this client: server_advertise_condition, and what
// its driver says. An expansion that fails for good hides it, and `*trouble` says why.
bool IsOffered(const config::Authenticator& instance, SaslWorld world, std::string* trouble);

// The instance of that mechanism, in any case; nullptr where there is none.
const config::Authenticator* FindMechanism(const config::Config& config, std::string_view name);

// Whether the client, who is known as session.auth.id, may act as `wanted`: what
// after_tls_authorize says (rule A2). The result is the new identity of the session, a
// refusal or a deferral.
facts::Auth Authorize(const config::Config& config, std::string_view wanted, SaslWorld world);

}  // namespace signet::auth
#endif
