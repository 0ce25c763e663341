#include "src/smtp/message_id.h"

#include <unistd.h>

#include <atomic>
#include <chrono>

namespace signet::smtp {
namespace {

// Messages of this process so far.
std::atomic<std::uint32_t> messages{0};

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
  // 62^11 is more than 2^64: both numbers fit.
  const std::uint64_t middle =
      static_cast<std::uint64_t>(getpid()) << 32 | messages.fetch_add(1, std::memory_order_relaxed);
  return Base62(since / 1'000'000, 6) + '-' + Base62(middle, 11) + '-' +
         Base62(since % 1'000'000, 4);
}

}  // namespace signet::smtp
