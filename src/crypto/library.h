#ifndef SIGNET_SRC_CRYPTO_LIBRARY_H_
#define SIGNET_SRC_CRYPTO_LIBRARY_H_

#include <string>

namespace signet::crypto {

// Starts GnuTLS. Called once, in main, before there are threads.
void StartLibrary();

// "GnuTLS 3.7.9", the library that is running.
std::string LibraryName();

}  // namespace signet::crypto
#endif
