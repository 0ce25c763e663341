#include "src/smtp/packed_steps.h"

#include <algorithm>
#include <cstdint>

#include "src/base/result.h"

namespace signet::smtp {
namespace {

using facts::TraceStep;

constexpr std::string TraceStep::*kTexts[] = {&TraceStep::what, &TraceStep::value, &TraceStep::from,
                                              &TraceStep::query, &TraceStep::place};

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

}  // namespace

void Pack(const std::vector<TraceStep>& steps, std::string* packed) {
  for (const TraceStep& step : steps) {
    *packed += static_cast<char>(step.kind);
    *packed += static_cast<char>(step.outcome);
    *packed += static_cast<char>(std::min<std::uint16_t>(step.depth, 255));
    *packed += static_cast<char>(step.hidden);
    for (const auto text : kTexts) {
      PutNumber((step.*text).size(), packed);
      *packed += step.*text;
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
    for (const auto text : kTexts) {
      const std::uint64_t size = TakeNumber(&packed);
      SIGNET_CHECK(size <= packed.size());
      (step.*text) = packed.substr(0, size);
      packed.remove_prefix(size);
    }
    step.microseconds = static_cast<std::int64_t>(TakeNumber(&packed)) - 1;
  }
  return steps;
}

}  // namespace signet::smtp
