#include "drivers/auth/scram_messages.h"

#include <signet/driver_cpp.h>

#include <algorithm>

namespace signet::auth_drivers {
namespace {

constexpr std::size_t kNameMaxBytes = 512;

// Takes what stands before the next comma, and the comma; nullopt at the end.
std::optional<std::string_view> TakePart(std::string_view* rest) {
  if (rest->data() == nullptr) return std::nullopt;
  const std::size_t comma = rest->find(',');
  const std::string_view part = rest->substr(0, comma);
  *rest = comma == std::string_view::npos ? std::string_view() : rest->substr(comma + 1);
  return part;
}

bool IsAttribute(std::string_view part) {
  return part.size() >= 2 && part[1] == '=' &&
         ((part[0] >= 'a' && part[0] <= 'z') || (part[0] >= 'A' && part[0] <= 'Z'));
}

// The value of the next part, which has to be attribute `name`.
std::optional<std::string_view> TakeAttribute(char name, std::string_view* rest) {
  const auto part = TakePart(rest);
  if (!part || !IsAttribute(*part) || (*part)[0] != name) return std::nullopt;
  return part->substr(2);
}

// What may follow is nothing that has to be understood.
bool AllAttributes(std::string_view rest) {
  while (const auto part = TakePart(&rest))
    if (!IsAttribute(*part)) return false;
  return true;
}

bool IsPrintable(char c) { return c >= 0x20 && c < 0x7f; }

// "=2C" and "=3D" stand for the two characters that names cannot have as they are. Names of
// printable ASCII are what SASLprep makes of them; others are not prepared here, and refused.
std::string_view ReadName(std::string_view text, std::string* name) {
  if (text.empty()) return "an empty name";
  if (text.size() > kNameMaxBytes) return "the name is too long";
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!IsPrintable(text[i])) return "the name has characters that are not printable ASCII";
    if (text[i] != '=') {
      *name += text[i];
      continue;
    }
    const std::string_view code = text.substr(i, 3);
    if (code != "=2C" && code != "=3D") return "the name has a bad escape";
    *name += code == "=2C" ? ',' : '=';
    i += 2;
  }
  return "";
}

bool IsNonce(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

std::string_view ReadBinding(std::string_view part, ClientFirst* read) {
  if (part == "n" || part == "y") {
    read->binding = part == "n" ? Binding::kNone : Binding::kUnused;
    return "";
  }
  if (part.substr(0, 2) != "p=" || part.size() == 2) return "a bad channel binding flag";
  read->binding = Binding::kUsed;
  read->binding_type = part.substr(2);
  return "";
}

// The GS2 header; `*rest` is what follows it.
std::string_view ReadHeader(std::string_view message, std::string_view* rest, ClientFirst* read) {
  const auto flag = TakePart(rest);
  if (!flag) return "an empty message";
  if (const std::string_view why = ReadBinding(*flag, read); !why.empty()) return why;
  const auto authorization = TakePart(rest);
  if (!authorization || rest->data() == nullptr) return "a header without its end";
  read->gs2_header = message.substr(0, message.size() - rest->size());
  if (authorization->empty()) return "";
  if (authorization->substr(0, 2) != "a=") return "a bad authorization identity";
  if (authorization->size() == 2) return "";  // as GNU SASL writes that there is none
  return ReadName(authorization->substr(2), &read->authorization);
}

}  // namespace

std::string_view ReadClientFirst(std::string_view message, ClientFirst* read) {
  std::string_view rest = message;
  if (const std::string_view why = ReadHeader(message, &rest, read); !why.empty()) return why;
  read->bare = rest;
  if (rest.substr(0, 2) == "m=") return "an extension that has to be understood";
  const auto name = TakeAttribute('n', &rest);
  if (!name) return "no name";
  if (const std::string_view why = ReadName(*name, &read->name); !why.empty()) return why;
  const auto nonce = TakeAttribute('r', &rest);
  if (!nonce || !IsNonce(*nonce)) return "no nonce";
  read->nonce = *nonce;
  return AllAttributes(rest) ? "" : "a bad extension";
}

std::string_view ReadClientFinal(std::string_view message, ClientFinal* read) {
  const std::size_t proof = message.rfind(",p=");
  if (proof == std::string_view::npos) return "no proof";
  read->without_proof = message.substr(0, proof);
  auto octets = driver::DecodeBase64(message.substr(proof + 3));
  if (!octets) return "a proof that is no base64";
  read->proof = std::move(*octets);
  std::string_view rest = read->without_proof;
  const auto binding = TakeAttribute('c', &rest);
  auto bound = binding ? driver::DecodeBase64(*binding) : std::nullopt;
  if (!bound) return "no channel binding";
  read->binding = std::move(*bound);
  const auto nonce = TakeAttribute('r', &rest);
  if (!nonce || !IsNonce(*nonce)) return "no nonce";
  read->nonce = *nonce;
  return AllAttributes(rest) ? "" : "a bad extension";
}

std::string ServerFirst(std::string_view nonce, std::string_view salt, std::uint32_t iterations) {
  return "r=" + std::string(nonce) + ",s=" + driver::EncodeBase64(salt) +
         ",i=" + std::to_string(iterations);
}

}  // namespace signet::auth_drivers
