#ifndef SIGNET_SRC_CLI_LDIF_BER_H_
#define SIGNET_SRC_CLI_LDIF_BER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// The little of BER that LDAP needs (RFC 4511 5.1): definite lengths, tags of one octet.
namespace signet::cli {

struct BerItem {
  unsigned tag = 0;
  std::string_view body;
  std::int64_t Integer() const;  // of an INTEGER, ENUMERATED or BOOLEAN of up to 8 octets
};

// Takes items one after the other.
class BerReader {
 public:
  explicit BerReader(std::string_view octets) : rest_(octets) {}
  bool empty() const { return rest_.empty(); }
  // nullopt: at the end, or what stands here is none.
  std::optional<BerItem> Next();
  // The same, if it has that tag.
  std::optional<BerItem> Next(unsigned tag);

 private:
  std::string_view rest_;
};

// Octets of the item at the front of `octets`, header included; 0: more of it has to come
// first. nullopt: it is none, or longer than `most`.
std::optional<std::size_t> BerSize(std::string_view octets, std::size_t most);

std::string Ber(unsigned tag, std::string_view body);
std::string BerInteger(unsigned tag, std::int64_t value);

}  // namespace signet::cli
#endif
