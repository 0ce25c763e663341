// Any octets of any origin as a list: splitting is total, the elements are made of the
// list's octets, and outsiders' octets are never structure (rule I7).
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "expand/expand.h"

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

constexpr signet::Origins kOrigins[] = {signet::kFromAdministrator, signet::kFromClient,
                                        signet::kFromCertificate, signet::kFromDirectory};

}  // namespace

// Pairs: how many octets of which origin, then those octets.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  signet::Value list;
  std::size_t outsiders = 0;
  for (std::size_t at = 0; at < size;) {
    const std::uint8_t head = data[at++];
    const std::size_t count = std::min<std::size_t>(head >> 2, size - at);
    const signet::Origins origins = kOrigins[head & 3];
    list.text.append(reinterpret_cast<const char*>(data) + at, count);
    at += count;
    if (count == 0) continue;
    list.segments.push_back({static_cast<std::uint32_t>(list.text.size()), origins});
    if (origins == signet::kFromClient || origins == signet::kFromCertificate) outsiders += count;
  }
  std::size_t kept = 0, kept_outsiders = 0;
  for (const signet::expand::ListElement& element : signet::expand::SplitList(list)) {
    std::size_t begin = 0;
    for (const signet::Segment& s : element.segments) {
      Check(s.end > begin && s.end <= element.text.size());
      if (s.origins == signet::kFromClient || s.origins == signet::kFromCertificate)
        kept_outsiders += s.end - begin;
      begin = s.end;
    }
    Check(element.segments.empty() || begin == element.text.size());
    kept += element.text.size();
  }
  Check(kept <= list.text.size());
  Check(kept_outsiders == outsiders);
  return 0;
}
