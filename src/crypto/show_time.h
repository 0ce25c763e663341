#ifndef SIGNET_SRC_CRYPTO_SHOW_TIME_H_
#define SIGNET_SRC_CRYPTO_SHOW_TIME_H_

#include <cstdint>
#include <ctime>
#include <string>

namespace signet::crypto {

// "2026-01-03 12:00:00 UTC".
inline std::string ShowTime(std::int64_t seconds) {
  const std::time_t when = seconds;
  std::tm parts{};
  char text[64];
  if (gmtime_r(&when, &parts) == nullptr) return std::to_string(seconds);
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts)};
}

}  // namespace signet::crypto
#endif
