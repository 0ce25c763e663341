#include "src/smtp/packed_steps.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <iterator>
#include <optional>
#include <unordered_map>

#include "src/base/result.h"

namespace signet::smtp {
namespace {

using facts::TraceStep;

// Of a thread. A large configuration has some hundred, and each reload may bring others.
constexpr std::size_t kWordsMax = 4096;
constexpr std::size_t kWordsMaxBytes = 256 * 1024;

// Words of the configuration and of ours, which are the same in every session: kept once for
// all sessions of a thread, and named by a number. Sessions stay on their threads.
class Words {
 public:
  // nullopt: not one of them, and there is no room for more.
  std::optional<std::uint64_t> NumberOf(std::string_view text) {
    if (const auto it = numbers_.find(text); it != numbers_.end()) return it->second;
    if (texts_.size() >= kWordsMax || octets_ + text.size() > kWordsMaxBytes) return std::nullopt;
    octets_ += text.size();
    const std::string& kept = texts_.emplace_back(text);
    numbers_.emplace(kept, texts_.size() - 1);
    return texts_.size() - 1;
  }
  const std::string& operator[](std::uint64_t number) const {
    SIGNET_CHECK(number < texts_.size());
    return texts_[number];
  }

 private:
  std::deque<std::string> texts_;
  std::unordered_map<std::string_view, std::uint64_t> numbers_;
  std::size_t octets_ = 0;
};
thread_local Words words;

struct Text {
  std::string TraceStep::*member;
  bool ours;  // never an outsider's, whatever the step
};
constexpr Text kTexts[] = {{&TraceStep::what, false},
                           {&TraceStep::value, false},
                           {&TraceStep::from, true},
                           {&TraceStep::query, false},
                           {&TraceStep::place, true}};

// Bits of the octet that says what a step has, behind one for each text that is not empty.
constexpr unsigned kHidden = 32, kTimed = 64;
// How a text stands there: the low bits of its number.
enum Form : std::uint64_t { kLiteral = 0, kWord = 1, kEarlier = 2, kForms = 4 };

// Commands are the client's words, and subjects those of certificates.
bool NamesOurs(TraceStep::Kind kind) {
  return kind != TraceStep::Kind::kCommand && kind != TraceStep::Kind::kCertificate;
}

void PutNumber(std::uint64_t number, std::string* packed) {
  for (; number >= 128; number /= 128) *packed += static_cast<char>(128 + number % 128);
  *packed += static_cast<char>(number);
}

std::uint64_t TakeNumber(std::string_view* packed) {
  std::uint64_t number = 0;
  for (unsigned shift = 0;; shift += 7) {
    SIGNET_CHECK(!packed->empty() && shift < 64);
    const auto digit = static_cast<unsigned char>(packed->front());
    packed->remove_prefix(1);
    number |= static_cast<std::uint64_t>(digit % 128) << shift;
    if (digit < 128) return number;
  }
}

std::uint8_t TakeOctet(std::string_view* packed) {
  SIGNET_CHECK(!packed->empty());
  const auto octet = static_cast<std::uint8_t>(packed->front());
  packed->remove_prefix(1);
  return octet;
}

// Texts that were put a moment ago: values of parts are often those of the whole.
class Recent {
 public:
  // Where `text` stands in `packed` already; nullopt: not among the last few.
  std::optional<std::size_t> Find(std::string_view text, std::string_view packed) const {
    for (const Place& place : places_)
      if (place.size == text.size() && packed.substr(place.at, place.size) == text) return place.at;
    return std::nullopt;
  }
  void Note(std::size_t at, std::size_t size) { places_[next_++ % places_.size()] = {at, size}; }

 private:
  struct Place {
    std::size_t at = 0, size = 0;
  };
  std::array<Place, 8> places_;
  std::size_t next_ = 0;
};

// Below this, a reference is no shorter.
constexpr std::size_t kWorthReferring = 6;

class Packer {
 public:
  explicit Packer(std::string* packed) : packed_(*packed) {}

  void Put(const TraceStep& step) {
    packed_ += static_cast<char>(static_cast<unsigned>(step.kind) * 8 +
                                 static_cast<unsigned>(step.outcome));
    packed_ += static_cast<char>(std::min<std::uint16_t>(step.depth, 255));
    unsigned has = (step.hidden ? kHidden : 0) | (step.microseconds >= 0 ? kTimed : 0);
    for (std::size_t i = 0; i < std::size(kTexts); ++i)
      if (!(step.*kTexts[i].member).empty()) has |= 1U << i;
    packed_ += static_cast<char>(has);
    for (const Text& text : kTexts) {
      const bool ours = text.ours || (text.member == &TraceStep::what && NamesOurs(step.kind));
      if (!(step.*text.member).empty()) PutText(step.*text.member, ours);
    }
    if (step.microseconds >= 0) PutNumber(static_cast<std::uint64_t>(step.microseconds), &packed_);
  }

 private:
  void PutText(std::string_view text, bool ours) {
    if (const auto number = ours ? words.NumberOf(text) : std::nullopt)
      return PutNumber(*number * kForms + kWord, &packed_);
    const bool worth = text.size() >= kWorthReferring;
    if (const auto at = worth ? recent_.Find(text, packed_) : std::nullopt) {
      PutNumber(*at * kForms + kEarlier, &packed_);
      return PutNumber(text.size(), &packed_);
    }
    PutNumber(text.size() * kForms + kLiteral, &packed_);
    if (worth) recent_.Note(packed_.size(), text.size());
    packed_ += text;
  }

  std::string& packed_;
  Recent recent_;
};

std::string TakeText(std::string_view whole, std::string_view* rest) {
  const std::uint64_t number = TakeNumber(rest);
  if (number % kForms == kWord) return words[number / kForms];
  if (number % kForms == kEarlier) {
    const std::uint64_t at = number / kForms, size = TakeNumber(rest);
    SIGNET_CHECK(at <= whole.size() && size <= whole.size() - at);
    return std::string(whole.substr(at, size));
  }
  SIGNET_CHECK(number / kForms <= rest->size());
  std::string text(rest->substr(0, number / kForms));
  rest->remove_prefix(text.size());
  return text;
}

}  // namespace

void Pack(const std::vector<TraceStep>& steps, std::string* packed) {
  Packer packer(packed);
  for (const TraceStep& step : steps) packer.Put(step);
}

std::vector<TraceStep> Unpack(std::string_view packed) {
  std::vector<TraceStep> steps;
  for (std::string_view rest = packed; !rest.empty();) {
    TraceStep& step = steps.emplace_back();
    const unsigned first = TakeOctet(&rest);
    step.kind = static_cast<TraceStep::Kind>(first / 8);
    step.outcome = static_cast<TraceStep::Outcome>(first % 8);
    step.depth = TakeOctet(&rest);
    const unsigned has = TakeOctet(&rest);
    step.hidden = (has & kHidden) != 0;
    for (std::size_t i = 0; i < std::size(kTexts); ++i)
      if (has & 1U << i) step.*kTexts[i].member = TakeText(packed, &rest);
    step.microseconds = (has & kTimed) != 0 ? static_cast<std::int64_t>(TakeNumber(&rest)) : -1;
  }
  return steps;
}

}  // namespace signet::smtp
