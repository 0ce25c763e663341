#include "src/relay/pretend.h"

#include <optional>

#include "src/relay/replies.h"
#include "src/relay/route.h"

namespace signet::relay {
namespace {

class PretendedTransaction final : public Transaction {
 public:
  explicit PretendedTransaction(std::shared_ptr<const Routes> routes)
      : routes_(std::move(routes)) {}

  Reply AddRecipient(const facts::Recipient&, config::MatchContext& context) override {
    auto found = routes_->Find(context);
    if (!found.ok()) return found.error();
    if (place_ && !place_->SameAs(found.value())) return Elsewhere();
    if (!place_) place_ = std::move(found).value();
    const std::int64_t most = place_->transport->max_rcpt;
    if (most > 0 && recipients_ >= most) return TooManyRecipients();
    ++recipients_;
    return {250, "2.1.5", "Accepted", ""};
  }
  Reply StartData() override { return {354, "", "", ""}; }
  bool WriteLine(std::string_view) override { return true; }
  Reply Finish() override { return {250, "2.0.0", "OK, and dropped: this was not real", ""}; }
  std::vector<Delivered> TakeDelivered() override { return {}; }

 private:
  std::shared_ptr<const Routes> routes_;
  std::optional<Place> place_;
  std::int64_t recipients_ = 0;
};

}  // namespace

std::unique_ptr<Transaction> Pretend(std::shared_ptr<const Routes> routes) {
  return std::make_unique<PretendedTransaction>(std::move(routes));
}

}  // namespace signet::relay
