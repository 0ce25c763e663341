#include "src/smtp/packed_steps.h"

#include <algorithm>
#include <cstdint>
#include <deque>
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

void PutText(const std::string& text, bool ours, std::string* packed) {
  const auto number = ours && !text.empty() ? words.NumberOf(text) : std::nullopt;
  if (number) return PutNumber(*number * 2 + 1, packed);
  PutNumber(text.size() * 2, packed);
  *packed += text;
}

void TakeText(std::string_view* packed, std::string* text) {
  const std::uint64_t number = TakeNumber(packed);
  if (number % 2 == 1) {
    *text = words[number / 2];
    return;
  }
  SIGNET_CHECK(number / 2 <= packed->size());
  *text = packed->substr(0, number / 2);
  packed->remove_prefix(number / 2);
}

}  // namespace

void Pack(const std::vector<TraceStep>& steps, std::string* packed) {
  for (const TraceStep& step : steps) {
    *packed += static_cast<char>(step.kind);
    *packed += static_cast<char>(step.outcome);
    *packed += static_cast<char>(std::min<std::uint16_t>(step.depth, 255));
    *packed += static_cast<char>(step.hidden);
    for (const Text& text : kTexts) {
      const bool ours = text.ours || (text.member == &TraceStep::what && NamesOurs(step.kind));
      PutText(step.*text.member, ours, packed);
    }
    PutNumber(static_cast<std::uint64_t>(step.microseconds + 1), packed);
  }
}

std::vector<TraceStep> Unpack(std::string_view packed) {
  std::vector<TraceStep> steps;
  while (!packed.empty()) {
    TraceStep& step = steps.emplace_back();
    step.kind = static_cast<TraceStep::Kind>(TakeOctet(&packed));
    step.outcome = static_cast<TraceStep::Outcome>(TakeOctet(&packed));
    step.depth = TakeOctet(&packed);
    step.hidden = TakeOctet(&packed) != 0;
    for (const Text& text : kTexts) TakeText(&packed, &(step.*text.member));
    step.microseconds = static_cast<std::int64_t>(TakeNumber(&packed)) - 1;
  }
  return steps;
}

}  // namespace signet::smtp
