#ifndef SIGNET_SRC_RELAY_PRETEND_H_
#define SIGNET_SRC_RELAY_PRETEND_H_

#include <memory>

#include "src/relay/relay.h"

namespace signet::relay {

// A transaction of an offline tool: recipients are routed as always, what an upstream or a
// disk would have said is taken for "250", and nothing goes anywhere.
std::unique_ptr<Transaction> Pretend(std::shared_ptr<const Routes> routes);

}  // namespace signet::relay
#endif
