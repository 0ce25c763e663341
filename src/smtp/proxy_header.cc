#include "src/smtp/proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "src/base/limits.h"
#include "src/base/text.h"

namespace signet::smtp {
namespace {

constexpr std::string_view kFirst = "PROXY ";
constexpr std::string_view kSecond("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kFirstMaxBytes = 107;  // with CRLF, as its description has it
constexpr std::size_t kFixedBytes = 16;      // of version 2

constexpr int kTlvCrc32c = 0x03;
constexpr int kTlvNothing = 0x04;
constexpr int kTlvTls = 0x20;
constexpr int kTlvTlsLast = 0x2f;
constexpr std::size_t kTlsFixedBytes = 5;  // what the client did, and how it was verified

using Failed = Err<std::string>;

Failed Wrong(const char* what) { return Failed{what}; }

bool StartsLike(std::string_view octets, std::string_view signature) {
  const std::size_t both = std::min(octets.size(), signature.size());
  return octets.substr(0, both) == signature.substr(0, both);
}

unsigned Octet(std::string_view octets, std::size_t at) {
  return static_cast<unsigned char>(octets[at]);
}
int Sixteen(std::string_view octets, std::size_t at) {
  return static_cast<int>(Octet(octets, at) << 8 | Octet(octets, at + 1));
}

// The usual spelling of an address of 4 or 16 octets.
std::string Spell(const void* octets, std::size_t size) {
  char text[INET6_ADDRSTRLEN] = "";
  const auto* bytes = static_cast<const unsigned char*>(octets);
  in6_addr six;
  if (size == sizeof six) {
    std::memcpy(&six, bytes, sizeof six);
    if (!IN6_IS_ADDR_V4MAPPED(&six)) return ::inet_ntop(AF_INET6, &six, text, sizeof text);
    bytes += 12;
  }
  return ::inet_ntop(AF_INET, bytes, text, sizeof text);
}

// --- version 1: a line -------------------------------------------------------------------

std::optional<std::string> ParseIp(std::string_view text, int family) {
  unsigned char octets[sizeof(in6_addr)];
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  if (::inet_pton(family, std::string(text).c_str(), octets) != 1) return std::nullopt;
  return Spell(octets, family == AF_INET ? 4 : 16);
}

// Digits without a zero in front, up to 65535.
std::optional<int> ParsePort(std::string_view digits) {
  if (digits.empty() || digits.size() > 5) return std::nullopt;
  if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
  int port = 0;
  for (char c : digits) {
    if (!IsDigit(c)) return std::nullopt;
    port = port * 10 + (c - '0');
  }
  return port <= 65535 ? std::optional<int>(port) : std::nullopt;
}

std::string_view TakeWord(std::string_view* rest) {
  const std::size_t end = std::min(rest->find(' '), rest->size());
  const std::string_view word = rest->substr(0, end);
  rest->remove_prefix(std::min(end + 1, rest->size()));
  return word;
}

Result<ProxyHeader, std::string> ParseFirst(std::string_view line) {
  if (line.size() > kFirstMaxBytes || !line.ends_with("\r\n")) return Wrong("line without an end");
  line.remove_suffix(2);
  line.remove_prefix(kFirst.size());
  const std::string_view family = TakeWord(&line);
  ProxyHeader header;
  if (family == "UNKNOWN") return header;
  if (family != "TCP4" && family != "TCP6") return Wrong("unknown protocol");
  const int af = family == "TCP4" ? AF_INET : AF_INET6;
  const auto client = ParseIp(TakeWord(&line), af), local = ParseIp(TakeWord(&line), af);
  const auto client_port = ParsePort(TakeWord(&line));
  const auto local_port = ParsePort(line);
  if (!client || !local) return Wrong("malformed address");
  if (!client_port || !local_port) return Wrong("malformed port");
  header.told = true;
  header.client_ip = *client;
  header.client_port = *client_port;
  header.local_ip = *local;
  header.local_port = *local_port;
  return header;
}

// --- version 2: octets -------------------------------------------------------------------

struct Field {
  int type = 0;
  std::string_view value;
};

// The fields of `octets`, one behind the other; nullopt where they do not fill it exactly.
std::optional<std::vector<Field>> SplitFields(std::string_view octets) {
  std::vector<Field> fields;
  while (!octets.empty()) {
    if (octets.size() < 3 || fields.size() == limits::kProxyTlvsMax) return std::nullopt;
    const auto size = static_cast<std::size_t>(Sixteen(octets, 1));
    if (octets.size() - 3 < size) return std::nullopt;
    fields.push_back({static_cast<int>(Octet(octets, 0)), octets.substr(3, size)});
    octets.remove_prefix(3 + size);
  }
  return fields;
}

// Of the whole header, with zeros where the checksum itself stands.
bool ChecksumFits(std::string_view whole, std::string_view checksum) {
  if (checksum.size() != 4) return false;
  std::string copy(whole);
  const auto at = static_cast<std::size_t>(checksum.data() - whole.data());
  std::fill_n(copy.begin() + static_cast<std::ptrdiff_t>(at), 4, '\0');
  const auto said = static_cast<std::uint32_t>(Sixteen(checksum, 0)) << 16 |
                    static_cast<std::uint32_t>(Sixteen(checksum, 2));
  return Crc32c(copy) == said;
}

std::string ReadTlsFields(std::string_view value, ProxyHeader* header) {
  if (value.size() < kTlsFixedBytes) return "field about TLS too short";
  const auto inner = SplitFields(value.substr(kTlsFixedBytes));
  if (!inner) return "malformed fields about TLS";
  for (const Field& field : *inner)
    if (field.type > kTlvTls && field.type <= kTlvTlsLast)
      header->tlvs[field.type] = std::string(field.value);
  return "";
}

// "", or what is wrong.
std::string ReadFields(std::string_view whole, std::string_view octets, ProxyHeader* header) {
  const auto fields = SplitFields(octets);
  if (!fields) return "malformed fields";
  bool checked = false;
  for (const Field& field : *fields) {
    if (field.type == kTlvNothing) continue;
    if (field.type > kTlvTls && field.type <= kTlvTlsLast) continue;  // out of its place
    if (field.type == kTlvCrc32c) {
      if (checked || !ChecksumFits(whole, field.value)) return "checksum does not fit";
      checked = true;
    }
    if (field.type == kTlvTls) {
      const std::string wrong = ReadTlsFields(field.value, header);
      if (!wrong.empty()) return wrong;
    }
    header->tlvs[field.type] = std::string(field.value);
  }
  return "";
}

// Octets of both addresses and ports of a family, and whether they are of the Internet.
struct Family {
  std::size_t bytes;
  std::size_t address_bytes;  // 0: of no use to us
};

std::optional<Family> FamilyOf(unsigned code) {
  switch (code) {
    case 0x11:
      return Family{12, 4};
    case 0x21:
      return Family{36, 16};
    case 0x31:
      return Family{216, 0};
    default:
      return std::nullopt;  // datagrams carry no mail
  }
}

void ReadAddresses(std::string_view octets, std::size_t size, ProxyHeader* header) {
  header->told = true;
  header->client_ip = Spell(octets.data(), size);
  header->local_ip = Spell(octets.data() + size, size);
  header->client_port = Sixteen(octets, 2 * size);
  header->local_port = Sixteen(octets, 2 * size + 2);
}

Result<ProxyHeader, std::string> ParseSecond(std::string_view whole) {
  if (whole.size() > limits::kProxyHeaderMaxBytes) return Wrong("too long");
  ProxyHeader header;
  const unsigned command = Octet(whole, 12), code = Octet(whole, 13);
  std::string_view rest = whole.substr(kFixedBytes);
  if (command == 0x20) return header;  // LOCAL: what else it says is to be ignored
  if (command != 0x21) return Wrong("unknown version or command");
  if (code == 0x00) return header;  // a client that the proxy cannot tell about
  const std::optional<Family> family = FamilyOf(code);
  if (!family) return Wrong("unknown protocol");
  if (rest.size() < family->bytes) return Wrong("addresses cut short");
  if (family->address_bytes != 0) ReadAddresses(rest, family->address_bytes, &header);
  const std::string wrong = ReadFields(whole, rest.substr(family->bytes), &header);
  if (!wrong.empty()) return Failed{wrong};
  return header;
}

}  // namespace

std::size_t ProxyOctetsWanted(std::string_view so_far) {
  if (so_far.empty()) return kSecond.size();  // either version has as many
  if (StartsLike(so_far, kSecond)) {
    if (so_far.size() < kFixedBytes) return kFixedBytes - so_far.size();
    const std::size_t total = kFixedBytes + static_cast<std::size_t>(Sixteen(so_far, 14));
    if (total > limits::kProxyHeaderMaxBytes || so_far.size() >= total) return 0;
    return total - so_far.size();
  }
  if (!StartsLike(so_far, kFirst)) return 0;
  const bool over = so_far.find('\n') != std::string_view::npos;
  if (over || so_far.size() >= kFirstMaxBytes) return 0;
  // "PROXY UNKNOWN" and CRLF is the shortest of all.
  constexpr std::size_t kShortest = 15;
  return so_far.size() < kShortest ? kShortest - so_far.size() : 1;
}

Result<ProxyHeader, std::string> ParseProxyHeader(std::string_view whole) {
  if (whole.size() >= kFixedBytes && whole.starts_with(kSecond)) {
    const std::size_t total = kFixedBytes + static_cast<std::size_t>(Sixteen(whole, 14));
    if (total > limits::kProxyHeaderMaxBytes) return Wrong("too long");
    if (whole.size() != total) return Wrong("cut short");
    return ParseSecond(whole);
  }
  if (whole.starts_with(kFirst)) return ParseFirst(whole);
  return Wrong("not a PROXY header");
}

std::uint32_t Crc32c(std::string_view octets) {
  std::uint32_t crc = 0xffffffff;
  for (char c : octets) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

}  // namespace signet::smtp
