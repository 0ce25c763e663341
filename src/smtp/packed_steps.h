#ifndef SIGNET_SRC_SMTP_PACKED_STEPS_H_
#define SIGNET_SRC_SMTP_PACKED_STEPS_H_

#include <string>
#include <string_view>
#include <vector>

#include "src/facts/trace.h"

namespace signet::smtp {

// Steps of a trace in a quarter of the memory: most sessions wait most of the time, and few
// are ever asked about.
//
//   Format   one after the other: kind, outcome, depth and hidden, an octet each; then five
//            texts (what, value, from, query, place) and microseconds + 1. A text stands behind
//            twice its length, or is a word that all sessions of this thread share: twice its
//            number, and one. Numbers are in base 128, low digits first, the last one below 128.
//   Threads  what one thread packs, it unpacks.
void Pack(const std::vector<facts::TraceStep>& steps, std::string* packed);
// Requires  `packed` is what Pack gave.
std::vector<facts::TraceStep> Unpack(std::string_view packed);

}  // namespace signet::smtp
#endif
