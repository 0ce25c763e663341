#include "drivers/host/loader.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace signet::drivers {
namespace {

// Root's, or that of the user we run as: both can do what they want with us anyway.
bool Trusted(uid_t owner) { return owner == 0 || owner == ::geteuid(); }

std::string WhoMayChange(const struct stat& info) {
  if (!Trusted(info.st_uid)) return "belongs to user " + std::to_string(info.st_uid);
  if ((info.st_mode & S_IWOTH) != 0) return "may be written by anybody";
  if ((info.st_mode & S_IWGRP) != 0) return "may be written by its group";
  return "";
}

// Directories above: a sticky one (/tmp) lets others add names but not replace ours.
std::string CheckDirectories(const std::string& path) {
  for (std::size_t slash = path.rfind('/'); slash != std::string::npos;
       slash = slash == 0 ? std::string::npos : path.rfind('/', slash - 1)) {
    const std::string directory = slash == 0 ? "/" : path.substr(0, slash);
    struct stat info {};
    if (::lstat(directory.c_str(), &info) != 0) return directory + ": " + strerror(errno);
    if (S_ISLNK(info.st_mode)) return directory + ": is a symbolic link";
    const bool nearest = slash == path.rfind('/');
    if (!nearest && (info.st_mode & S_ISVTX) != 0 && Trusted(info.st_uid)) continue;
    if (std::string why = WhoMayChange(info); !why.empty()) return directory + ": " + why;
  }
  return "";
}

}  // namespace

std::string CheckModulePath(const std::string& path) {
  if (path.empty() || path[0] != '/') return "an absolute path is needed";
  if (path.find("/../") != std::string::npos) return "the path contains \"..\"";
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return strerror(errno);
  if (!S_ISREG(info.st_mode)) return "is not a regular file";
  if (std::string why = WhoMayChange(info); !why.empty()) return why;
  return CheckDirectories(path);
}

Result<Loaded, std::string> OpenModule(const std::string& path) {
  if (std::string why = CheckModulePath(path); !why.empty()) return Err{path + ": " + why};
  Loaded loaded;
  loaded.handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (loaded.handle == nullptr) {
    const char* why = ::dlerror();
    return Err{path + ": cannot be loaded: " + (why != nullptr ? why : "unknown reason")};
  }
  // A data pointer becomes a function pointer; POSIX allows what C++ does not.
  void* symbol = ::dlsym(loaded.handle, "signet_driver_entry");
  signet_driver_entry_function* entry = nullptr;
  static_assert(sizeof entry == sizeof symbol);
  memcpy(&entry, &symbol, sizeof entry);
  if (entry == nullptr) {
    ::dlclose(loaded.handle);
    return Err{path +
               ": has no signet_driver_entry: not a driver, or not built with "
               "-DSIGNET_DRIVER_SHARED"};
  }
  loaded.module = entry();
  if (loaded.module == nullptr) return Err{path + ": its signet_driver_entry gave nothing"};
  return loaded;
}

}  // namespace signet::drivers
