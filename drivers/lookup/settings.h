#ifndef SIGNET_DRIVERS_LOOKUP_SETTINGS_H_
#define SIGNET_DRIVERS_LOOKUP_SETTINGS_H_

#include <signet/driver.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Queries of the form NAME=VALUE NAME="VALUE" … URL. A value ends at white space or at the
// double quote that closes it; nothing is an escape. Any octets stand in it percent-encoded.
namespace signet::driver {

struct Setting {
  std::string name;   // lower case
  std::string value;  // as written
};

// Settings of a query, and what stands behind them. Values are wiped.
class Settings {
 public:
  Settings() = default;
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;
  ~Settings();

  // `known`: the names that there are, with blanks between them.
  //
  //   Returns   what is wrong, or "".
  //   Security  no value is in what it returns.
  std::string Parse(std::string_view query, std::string_view known);
  // The value as written, or nullptr.
  const std::string* Find(std::string_view name) const;
  // The value decoded; "" where the setting is not there. What is wrong, or "".
  std::string Decode(std::string_view name, std::string* value) const;
  const std::vector<Setting>& all() const { return all_; }
  const std::string& url() const { return url_; }  // "" where there is none

 private:
  std::vector<Setting> all_;
  std::string url_;
};

// Letters, digits and "-._~" as they are, all else as %HH: fit for any part of a URL, for a
// form, and for a value of a setting.
std::string EncodePercent(std::string_view octets);
// The same as a driver's `quote`; there are no options.
int QuotePercent(std::uint32_t type, signet_text option, signet_text text,
                 void (*add)(void* context, signet_text piece), void* context) noexcept;
// False where a percent sign has no two hexadecimal digits behind it.
bool DecodePercent(std::string_view text, std::string* octets);

// HOST, HOST:PORT or [ADDRESS]:PORT; the port is `port` where there is none. False where it
// is none of these.
bool ReadHostPort(std::string_view text, std::uint16_t port, std::string* host,
                  std::uint16_t* number);
// Whether the text is an address of this machine's loopback interface, or "localhost".
bool IsLoopback(std::string_view host);

}  // namespace signet::driver
#endif
