#include "src/relay/replies.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace signet::relay {

Reply Unavailable(std::string log_text) {
  return {451, "4.4.1", "Upstream is not available, please try later", std::move(log_text)};
}

Reply LocalProblem(std::string log_text) {
  return {451, "4.3.0", "Temporary local problem - please try later", std::move(log_text)};
}

Reply Unclear(std::string log_text) {
  return {451, "4.4.2", "Upstream did not answer properly, please try later", std::move(log_text)};
}

Reply Elsewhere() {
  return {452, "4.5.3", "Too many recipients: this one goes elsewhere, send it separately",
          "routes elsewhere than the recipients before it"};
}

Reply TooManyRecipients() {
  return {452, "4.5.3", "Too many recipients, send this one separately",
          "the upstream takes no more recipients of one message (max_rcpt)"};
}

Reply PassedOn(const UpstreamReply& upstream, const std::string& log_text) {
  static constexpr int kTemporary[] = {450, 451, 452, 455};
  static constexpr int kPermanent[] = {550, 551, 552, 553, 554, 555};
  const bool temporary = upstream.digit() == 4;
  const auto is_known = [&](const auto& codes) {
    return std::find(std::begin(codes), std::end(codes), upstream.code) != std::end(codes);
  };
  const int code = temporary ? (is_known(kTemporary) ? upstream.code : 451)
                             : (is_known(kPermanent) ? upstream.code : 550);
  std::string text = upstream.Text();
  if (text.empty()) text = temporary ? "Upstream refused for now" : "Upstream refused";
  return {code, upstream.enhanced, std::move(text), log_text};
}

}  // namespace signet::relay
