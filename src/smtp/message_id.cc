#include "src/smtp/message_id.h"

#include <unistd.h>

#include <atomic>
#include <chrono>

namespace signet::smtp {
namespace {

// Messages of this process so far.
std::atomic<std::uint32_t> messages{0};

constexpr std::uint64_t kPartsOfSecond = 62 * 62;
// Process numbers have 22 bits, and 62^6 is more than 2^22 times this: so many messages would
// have to come within one part of a second for two to be alike.
constexpr std::uint64_t kMessagesOfProcess = 13'542;
static_assert(kMessagesOfProcess << 22 <= 62ULL * 62 * 62 * 62 * 62 * 62);

}  // namespace

std::string Base62(std::uint64_t value, std::size_t digits) {
  static constexpr char kDigits[] =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string out(digits, '0');
  for (std::size_t i = digits; i-- > 0; value /= 62) out[i] = kDigits[value % 62];
  return out;
}

std::string MakeMessageId(WallTime now) {
  using std::chrono::duration_cast;
  using std::chrono::microseconds;
  const auto since =
      static_cast<std::uint64_t>(duration_cast<microseconds>(now.time_since_epoch()).count());
  const std::uint64_t number = messages.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t middle =
      static_cast<std::uint64_t>(getpid()) * kMessagesOfProcess + number % kMessagesOfProcess;
  const std::uint64_t part = since % 1'000'000 * kPartsOfSecond / 1'000'000;
  return Base62(since / 1'000'000, 6) + '-' + Base62(middle, 6) + '-' + Base62(part, 2);
}

}  // namespace signet::smtp
