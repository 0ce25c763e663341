#include "src/server/connections.h"

#include <gtest/gtest.h>

namespace signet::server {
namespace {

TEST(Connections, RuleR3TheTotalIsLimitedOnBothSidesOfTheLimit) {
  Connections connections;
  EXPECT_EQ(connections.Enter("a", 2, 0), Admission::kYes);
  EXPECT_EQ(connections.Enter("b", 2, 0), Admission::kYes);
  EXPECT_EQ(connections.Enter("c", 2, 0), Admission::kTooMany);
  connections.Leave("a");
  EXPECT_EQ(connections.total(), 1u);
  EXPECT_EQ(connections.Enter("c", 2, 0), Admission::kYes);
}

TEST(Connections, RuleR3EachSourceIsLimitedAlone) {
  Connections connections;
  EXPECT_EQ(connections.Enter("a", 100, 2), Admission::kYes);
  EXPECT_EQ(connections.Enter("a", 100, 2), Admission::kYes);
  EXPECT_EQ(connections.Enter("a", 100, 2), Admission::kTooManyFromSource);
  EXPECT_EQ(connections.Enter("b", 100, 2), Admission::kYes);
  connections.Leave("a");
  EXPECT_EQ(connections.Enter("a", 100, 2), Admission::kYes);
}

TEST(Connections, RuleR3WhoAProxyHasToldAboutIsCountedInItsPlace) {
  Connections connections;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(connections.Enter("proxy", 100, 0), Admission::kYes);
  EXPECT_TRUE(connections.Move("proxy", "a", 1));
  EXPECT_FALSE(connections.Move("proxy", "a", 1));
  EXPECT_TRUE(connections.Move("proxy", "b", 1));
  EXPECT_EQ(connections.total(), 3u);
  connections.Leave("a");
  EXPECT_TRUE(connections.Move("proxy", "a", 1));
  EXPECT_TRUE(connections.Move("a", "a", 1));
  connections.Leave("a");
  connections.Leave("b");
  EXPECT_EQ(connections.total(), 0u);
}

TEST(Connections, ARefusedOneIsNotCounted) {
  Connections connections;
  connections.Enter("a", 1, 0);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(connections.Enter("a", 1, 0), Admission::kTooMany);
  EXPECT_EQ(connections.total(), 1u);
}

TEST(Capacity, IsWhatIsWantedWhereTheSystemHasIt) {
  const Capacity capacity = CapacityFor(1000, 2064, 65530, 0);
  EXPECT_EQ(capacity.connections, 1000u);
  EXPECT_EQ(capacity.reason, "");
}

TEST(Capacity, IsBoundedByDescriptors) {
  const Capacity capacity = CapacityFor(1000, 2062, 65530, 0);
  EXPECT_EQ(capacity.connections, 999u);
  EXPECT_EQ(capacity.reason, "2062 descriptors (RLIMIT_NOFILE)");
}

TEST(Capacity, IsBoundedByMappingsWhereStacksTakeThem) {
  const Capacity capacity = CapacityFor(40'000, 1'000'000, 65530, 2);
  EXPECT_EQ(capacity.connections, 31765u);
  EXPECT_EQ(capacity.reason, "65530 memory mappings (vm.max_map_count)");
  EXPECT_EQ(CapacityFor(40'000, 1'000'000, 65530, 0).connections, 40'000u);
}

TEST(Capacity, IsNeverNothing) { EXPECT_EQ(CapacityFor(10, 3, 65530, 0).connections, 1u); }

TEST(Capacity, OfThisMachineIsSomething) {
  EXPECT_GE(FindCapacity(10'000).connections, 1u);
  EXPECT_LE(FindCapacity(10'000).connections, 10'000u);
}

}  // namespace
}  // namespace signet::server
