#ifndef SIGNET_EXPAND_SHOW_H_
#define SIGNET_EXPAND_SHOW_H_

#include "expand/expand.h"

// What of an expression may be shown to people who ask why.
namespace signet::expand {

// Notes that an option was set with "hide", or holds a secret by its nature: neither its text
// nor its value is ever written down. While the configuration loads, before anybody evaluates.
void Hide(const Program& program);
bool IsHidden(const Program& program);

// Whether values may be written down now (rule C7): not where a part of a message may be in
// any of them.
bool MayShow(const facts::Session& session);
// The same of the value of a program. False for hidden ones, too, and where the program reads
// what an ACL has kept of client's text for the whole connection.
bool MayShow(const Program& program, const facts::Session& session);

}  // namespace signet::expand
#endif
