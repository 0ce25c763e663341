#ifndef SIGNET_EXPAND_SHOW_H_
#define SIGNET_EXPAND_SHOW_H_

#include "expand/expand.h"

// What of an expression may be shown to people who ask why.
namespace signet::expand {

// Notes that an option was set with "hide", or holds a secret by its nature: neither its text
// nor its value is ever written down. While the configuration loads, before anybody evaluates.
void Hide(const Program& program);
bool IsHidden(const Program& program);

// Whether the value of a program may be written down now (rule C7). False for hidden ones;
// from the end of a message's data on, because a part of it may be in any value; and where
// the program reads what an ACL has kept of client's text for the whole connection.
bool MayShow(const Program& program, const facts::Session& session);

}  // namespace signet::expand
#endif
