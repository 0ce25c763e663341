// Any list of any kind against any subject: matching ends within its budget, and says yes,
// no, or why not now. An outsider's list is nothing but text (rules I7, E2).
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "expand/match.h"
#include "test/support/fake_world.h"

namespace {

using namespace signet;
using namespace signet::expand;

void Check(bool condition) {
  if (!condition) std::abort();
}

struct World {
  World() {
    names.AddList("domainlist", "d", "one.test : *.two.test : !three.test : +loop");
    names.AddList("domainlist", "loop", "+d");
    names.AddList("hostlist", "d", "10.0.0.0/8 : 2001::db8::::/32");
    names.AddList("addresslist", "d", "joe@one.test : *@+d");
    names.AddList("localpartlist", "d", "alice : $sender_helo_name");
    services.known = &names;
    services.files["/f"] = "a # b\n!c\n^d(e)\n*f\n/f\n+d\n10.0.0.0/8\nx@y\n";
    services.answers["a /f"] = {LookupAnswer::kFound, "a : !b : *c : ^d : >a"};
    services.answers["b /f"] = {LookupAnswer::kDeferred, "later"};
    session.primary_hostname = "gw.test";
  }
  test::FakeNames names;
  test::FakeServices services;
  facts::Session session;
};

void CheckMatch(const ListMatch& match) {
  Check(match.kind != ListMatch::kDeferred || !match.why.empty());
  if (!match.value.has_value()) return;
  const Text& value = *match.value;
  Check(value.segments.empty() || value.segments.back().end == value.text.size());
}

}  // namespace

// An octet for the kind, a line that is the subject, the list.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World shared;
  if (size == 0) return 0;
  std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto kind = static_cast<ListKind>(data[0] % 5);
  const HostUse use = data[0] % 2 == 0 ? HostUse::kAddress : HostUse::kClient;
  const std::size_t newline = std::min(input.find('\n'), input.size());
  const std::string subject(input.substr(0, newline));
  const std::string list(input.substr(std::min(newline + 1, input.size())));
  shared.services.asked.clear();
  shared.session.helo = subject;

  Budget budget;
  budget.steps = 10'000;
  std::pmr::monotonic_buffer_resource arena;
  const MatchWorld world{shared.session, shared.services, budget, &shared.names, &arena};
  const SourceText source("list", list);
  const Segment outside{static_cast<std::uint32_t>(subject.size()), kFromClient};
  const Text text{subject, {&outside, subject.empty() ? 0u : 1u}};
  Diagnostics diagnostics;
  const auto patterns =
      CompilePatterns(list, source.whole(), {kind, use}, shared.names, &diagnostics);
  for (const Diagnostic& d : diagnostics)
    Check(d.span.begin <= d.span.end && d.span.end <= list.size());
  if (patterns != nullptr) CheckMatch(Match(*patterns, text, world));
  Check(budget.list_depth == limits::kNamedListDepth);

  // The same octets as what a client typed: asks nothing, reads nothing, matches literally.
  shared.services.asked.clear();
  const Segment clients{static_cast<std::uint32_t>(list.size()), kFromClient};
  const Text item{list, {&clients, list.empty() ? 0u : 1u}};
  const ListItem read = ReadListItem(item, {kind, use}, &shared.names, &arena);
  Check(!read.negated || list.empty());
  using Kind = ListItem::Kind;
  Check(read.kind != Kind::kRegex && read.kind != Kind::kTail && read.kind != Kind::kFile &&
        read.kind != Kind::kLookup && read.kind != Kind::kNamed && read.kind != Kind::kCaseful &&
        read.kind != Kind::kLocalParts && read.kind != Kind::kAnybody);
  Check(shared.services.asked.empty());
  return 0;
}
