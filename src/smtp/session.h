#ifndef SIGNET_SRC_SMTP_SESSION_H_
#define SIGNET_SRC_SMTP_SESSION_H_

#include <atomic>
#include <memory>

#include "src/base/log.h"
#include "src/engine/engine.h"
#include "src/facts/session.h"
#include "src/lookup/lookup.h"
#include "src/smtp/site.h"

namespace signet::smtp {

// What a session uses of its worker.
struct SessionContext {
  SitePtr site;
  lookup::Worker* lookups = nullptr;     // of this worker and this site
  Log* log = nullptr;
  const std::atomic<bool>* shutting_down = nullptr;  // answered with 421 at the next command
};

// One connection from greeting to QUIT. Runs inside a coroutine of the worker's loop and
// returns when the connection has ended. The socket is closed on return.
void RunSession(engine::Socket socket, facts::Connection connection, SessionContext context);

}  // namespace signet::smtp
#endif
