#include "src/cli/ldif_ber.h"

namespace signet::cli {
namespace {

constexpr unsigned kLongTag = 0x1f;

unsigned At(std::string_view octets, std::size_t i) {
  return static_cast<unsigned char>(octets[i]);
}

struct Header {
  std::size_t size = 0, body = 0;
};

// size 0: more has to come. nullopt: no header.
std::optional<Header> ReadHeader(std::string_view octets) {
  if (octets.size() < 2) return Header();
  if ((At(octets, 0) & kLongTag) == kLongTag) return std::nullopt;
  const unsigned first = At(octets, 1);
  if (first < 0x80) return Header{2, first};
  const std::size_t count = first & 0x7f;
  if (count == 0 || count > 4) return std::nullopt;
  if (octets.size() < 2 + count) return Header();
  std::size_t body = 0;
  for (std::size_t i = 0; i < count; ++i) body = body << 8 | At(octets, 2 + i);
  return Header{2 + count, body};
}

}  // namespace

std::int64_t BerItem::Integer() const {
  std::uint64_t value = !body.empty() && (At(body, 0) & 0x80) != 0 ? ~std::uint64_t{0} : 0;
  for (std::size_t i = 0; i < body.size() && i < 8; ++i) value = value << 8 | At(body, i);
  return static_cast<std::int64_t>(value);
}

std::optional<std::size_t> BerSize(std::string_view octets, std::size_t most) {
  const auto header = ReadHeader(octets);
  if (!header || header->body > most) return std::nullopt;
  const std::size_t size = header->size + header->body;
  return header->size == 0 || octets.size() < size ? 0 : size;
}

std::optional<BerItem> BerReader::Next() {
  const auto header = ReadHeader(rest_);
  if (!header || header->size == 0 || rest_.size() - header->size < header->body)
    return std::nullopt;
  const BerItem item{At(rest_, 0), rest_.substr(header->size, header->body)};
  rest_.remove_prefix(header->size + header->body);
  return item;
}

std::optional<BerItem> BerReader::Next(unsigned tag) {
  if (rest_.empty() || At(rest_, 0) != tag) return std::nullopt;
  return Next();
}

std::string Ber(unsigned tag, std::string_view body) {
  std::string out(1, static_cast<char>(tag));
  if (body.size() < 0x80) {
    out += static_cast<char>(body.size());
  } else {
    out += static_cast<char>(0x84);
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(body.size() >> shift);
  }
  return out += body;
}

std::string BerInteger(unsigned tag, std::int64_t value) {
  std::string octets;
  bool more = true;
  while (more) {
    const auto octet = static_cast<unsigned char>(value & 0xff);
    octets.insert(octets.begin(), static_cast<char>(octet));
    value >>= 8;
    more = !((value == 0 && octet < 0x80) || (value == -1 && octet >= 0x80));
  }
  return Ber(tag, octets);
}

}  // namespace signet::cli
