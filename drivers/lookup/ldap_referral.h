#ifndef SIGNET_DRIVERS_LOOKUP_LDAP_REFERRAL_H_
#define SIGNET_DRIVERS_LOOKUP_LDAP_REFERRAL_H_

#include <string>
#include <string_view>
#include <vector>

#include "drivers/lookup/ldap_codec.h"
#include "drivers/lookup/ldap_query.h"

// Where a directory sends us when it does not know itself: RFC 4511 4.1.10, 4.5.3. Followed
// only where a query says REFERRALS=follow.
namespace signet::ldap {

// limits.h of the program has the same numbers under kLdapReferral…; a test compares them.
inline constexpr std::size_t kReferralsMax = 10;    // followed for one lookup
inline constexpr std::size_t kReferralHopsMax = 5;  // one behind the other

// One referral: URLs of servers that know the same, and what to ask there.
struct Referral {
  std::vector<std::string> urls;
  SearchRequest request;
  std::size_t hops = 1;
};

// Reads a URL of a referral into `*next`, a query without credentials (rule L7), and what
// it says about the search into `*request`, which holds the search that led here.
//
//   Errors    what is wrong; "" where the URL can be followed.
//   Security  the server chose it: it names a host, and neither a socket of this machine
//             nor settings of a query.
std::string ReadReferral(std::string_view url, Query* next, SearchRequest* request);

}  // namespace signet::ldap
#endif
