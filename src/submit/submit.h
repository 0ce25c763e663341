#ifndef SIGNET_SRC_SUBMIT_SUBMIT_H_
#define SIGNET_SRC_SUBMIT_SUBMIT_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "src/submit/message.h"
#include "src/submit/settings.h"

namespace signet::submit {

// How a submission ended; `text` says why, for whoever runs us.
struct Outcome {
  enum Kind : std::uint8_t {
    kSent,     // the host has the message
    kRefused,  // it will not take it, or we cannot hand it over as it is
    kLater,    // it may take it another time; no host was reached, or one said so
    kSetup,    // our certificate, key or authorities cannot be used
  } kind = kLater;
  std::string text;
};

struct Submission {
  std::string sender;  // local@domain; "" for <>
  std::vector<std::string> recipients;
  Message message;
};

// Told of what is said and answered, a line at a time, for -v: "-> EHLO me", "<- 250 …".
using Trace = std::function<void(std::string_view)>;

// Submits to the first of the hosts that takes it. All recipients get the message or none:
// where one is refused, nothing is sent. Once the end of the message was said to a host, no
// other is tried (rule U1). Must run inside a coroutine.
Outcome Submit(const Settings& settings, Submission submission, const Trace& trace);

}  // namespace signet::submit
#endif
