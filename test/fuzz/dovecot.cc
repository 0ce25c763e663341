// What Dovecot's authentication socket may say, line by line: reading is total, an accepted
// answer names an account, and what we write is always one line that reads back.
#include "drivers/auth/dovecot_protocol.h"

#include <signet/driver_cpp.h>
#include <algorithm>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace signet::dovecot;

void Check(bool condition) {
  if (!condition) std::abort();
}

void Greet(std::string_view text) {
  Greeting greeting("PLAIN");
  for (std::size_t lines = 0; !text.empty() && !greeting.done(); ++lines) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (!greeting.Take(text.substr(0, end)).empty()) return;
    Check(lines < kGreetingLinesMax);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (greeting.done()) Check(greeting.has_version());
}

void Answer(std::string_view text) {
  Reply reply;
  if (!ReadReply(text.substr(0, text.find('\n')), &reply).empty()) return;
  if (reply.kind == Reply::kAccepted) Check(!reply.user.empty() && text.starts_with("OK\t1\t"));
  if (reply.kind == Reply::kContinue) Check(text.starts_with("CONT\t1"));
}

// One line of so many fields, whatever is in them.
void Write(std::string_view octets) {
  const std::string_view response = octets.substr(octets.size() / 2);
  Facts facts;
  facts.client_ip = facts.local_ip = std::string(octets.substr(0, octets.size() / 2));
  const std::string line = Request(octets.substr(0, 20), facts, &response);
  Check(line.find('\n') == line.size() - 1);
  Check(std::count(line.begin(), line.end(), '\t') == 7);
  const std::string more = Continuation(octets);
  Check(more.find('\n') == more.size() - 1);
  Check(signet::driver::DecodeBase64(signet::driver::EncodeBase64(octets)) == octets);
  Check(Unescape(Escape(octets)) == octets);
  Check(Escape(octets).find_first_of(std::string_view("\0\t\r\n", 4)) == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  Greet(input);
  Answer(input);
  Write(input);
  return 0;
}
