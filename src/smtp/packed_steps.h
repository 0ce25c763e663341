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
//   Format   one after the other: kind × 8 + outcome, depth, and what there is, an octet each:
//            a bit for each of five texts (what, value, from, query, place), hidden, and
//            whether microseconds follow the texts. A text is a number and what it says: 4 × its
//            length, and its octets; 4 × the number of a word that all sessions of this thread
//            share, + 1; or 4 × its place further up in the same string, + 2, and its length.
//            Numbers are in base 128, low digits first, the last one below 128.
//   Threads  what one thread packs, it unpacks.
void Pack(const std::vector<facts::TraceStep>& steps, std::string* packed);
// Requires  `packed` is what Pack gave.
std::vector<facts::TraceStep> Unpack(std::string_view packed);

}  // namespace signet::smtp
#endif
