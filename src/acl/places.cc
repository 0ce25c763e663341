#include "src/acl/places.h"

#include <iterator>

#include "src/base/result.h"

namespace signet::acl {
namespace {

using config::AclWhen;
using facts::Phase;

// clang-format off
constexpr PlaceRow kPlaces[] = {
  // when               option              name            phase             unset denies  digit  the manual says
  {AclWhen::kConnect,  "acl_smtp_connect",  "connection",   Phase::kConnect,  false,        '2',   "a client has connected; before TLS and before the greeting"},
  {AclWhen::kHelo,     "acl_smtp_helo",     "EHLO or HELO", Phase::kHelo,     false,        '2',   "EHLO or HELO was given"},
  {AclWhen::kStarttls, "acl_smtp_starttls", "STARTTLS",     Phase::kHelo,     false,        '2',   "STARTTLS was given; before the handshake"},
  {AclWhen::kAuth,     "acl_smtp_auth",     "AUTH",         Phase::kHelo,     false,        '2',   "AUTH was given, or an authenticator is to run after the handshake"},
  {AclWhen::kMail,     "acl_smtp_mail",     "MAIL",         Phase::kMail,     false,        '2',   "MAIL was given and is well formed"},
  {AclWhen::kMailauth, "acl_smtp_mailauth", "MAILAUTH",     Phase::kMail,     false,        '2',   "AUTH= stands behind MAIL; what it denies is not believed"},
  {AclWhen::kRcpt,     "acl_smtp_rcpt",     "RCPT",         Phase::kRcpt,     true,         '2',   "for each RCPT"},
  {AclWhen::kPredata,  "acl_smtp_predata",  "PREDATA",      Phase::kPredata,  false,        '3',   "DATA was given; before 354"},
  {AclWhen::kData,     "acl_smtp_data",     "DATA",         Phase::kData,     false,        '2',   "the message has arrived; before the final reply"},
  {AclWhen::kQuit,     "acl_smtp_quit",     "QUIT",         Phase::kQuit,     false,        '2',   "QUIT was given; its decision is ignored"},
  {AclWhen::kNotquit,  "acl_smtp_notquit",  "NOTQUIT",      Phase::kQuit,     false,        '2',   "the session ends in another way; its decision is ignored"},
  {AclWhen::kVrfy,     "acl_smtp_vrfy",     "VRFY",         Phase::kRcpt,     true,         '2',   "VRFY was given"},
};
// clang-format on
static_assert(std::size(kPlaces) == static_cast<std::size_t>(AclWhen::kCount));

constexpr bool InOrder() {
  for (std::size_t i = 0; i < std::size(kPlaces); ++i)
    if (static_cast<std::size_t>(kPlaces[i].when) != i) return false;
  return true;
}
static_assert(InOrder(), "keep kPlaces in the order of AclWhen");

}  // namespace

const PlaceRow& PlaceOf(AclWhen when) {
  SIGNET_CHECK(when < AclWhen::kCount);
  return kPlaces[static_cast<std::size_t>(when)];
}

}  // namespace signet::acl
