#include "src/smtp/services.h"

#include <gtest/gtest.h>

namespace signet::smtp {
namespace {

TEST(SessionServices, WithoutAWorkerLookupsAreDeferred) {
  SessionServices services(nullptr);
  EXPECT_EQ(services.Lookup({}).kind, expand::LookupAnswer::kDeferred);
  EXPECT_EQ(services.AuthenticateBy(0, "").kind, expand::LookupAnswer::kDeferred);
}

TEST(SessionServices, ASessionHasSoManyLookupsInAllAndTheRestAnew) {
  SessionServices services(nullptr);
  {
    BorrowedBudget budget(services);
    EXPECT_EQ(budget.get().lookups, limits::kLookupsPerSession);
    budget.get().lookups -= 7;
    budget.get().steps = 0;
  }
  BorrowedBudget next(services);
  EXPECT_EQ(next.get().lookups, limits::kLookupsPerSession - 7);
  EXPECT_EQ(next.get().steps, limits::kExpandSteps);
}

TEST(SessionServices, KnowsTheTime) { EXPECT_GT(SessionServices(nullptr).Now(), 1'600'000'000); }

TEST(SessionServices, WithoutASiteThereAreNoAclsAndNoEnvironment) {
  SessionServices services(nullptr);
  expand::Budget budget;
  EXPECT_EQ(services.CallAcl("a", {}, budget).kind, expand::AclOutcome::kError);
  EXPECT_EQ(services.Environment("PATH"), std::nullopt);
}

}  // namespace
}  // namespace signet::smtp
