#include <fmt/format.h>
#include <string.h>

#include <nvme/errno_translator.hpp>

namespace ballast::nvme {

namespace {

std::string_view remedy(int error) {
  switch (error) {
    case ENOSPC: return "; free space there or lower the SIZE of --nvme DIR:SIZE";
    case EDQUOT: return "; raise the quota or lower the SIZE of --nvme DIR:SIZE";
    case EFBIG: return "; raise the file size limit (ulimit -f)";
    case EMFILE: return "; raise the limit on open files (ulimit -n)";
    case EROFS: return "; the file system is read-only, give --nvme another directory";
    case EACCES:
    case EPERM: return "; give --nvme a directory this user may write to";
    default: return "";
  }
}

}  // namespace

io_verdict judge(int error, std::source_location where) {
  switch (error) {
    case EINTR: return io_verdict::retry_now;

    case EAGAIN:  // also EWOULDBLOCK
    case EBUSY:
    case ENOMEM:
    case ENOBUFS: return io_verdict::retry_later;

    case ENOSPC:
    case EDQUOT:
    case EFBIG: return io_verdict::no_space;

    // The device, the file system, or the way to it.
    case EIO:
    case EREMOTEIO:
    case ENODATA:
    case EBADMSG:
    case EILSEQ:
    case EUCLEAN:
    case ENODEV:
    case ENXIO:
    case EROFS:
    case ETIMEDOUT:
    case ESTALE:
    case ENOLINK:
    case ENOTCONN:
    case ECONNRESET:
    case ESHUTDOWN:
    case ECANCELED:
    // A policy or limit outside of Ballast.
    case EPERM:
    case EACCES:
    case EMFILE:
    case ENFILE:
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case EEXIST:
    case EISDIR:  // a folder has the name of one of our files
    case ENOSYS:
    case EOPNOTSUPP:
    case ETXTBSY:
    // Alignment is the file system's choice; a refusal of ours is its answer, not a defect.
    case EINVAL: return io_verdict::failed;

    // Only a wrong call gives these.
    case EBADF:
    case EFAULT:
    case ESPIPE:
    case EOVERFLOW: contract_failed("an I/O call gets valid arguments", where);

    default: return io_verdict::failed;  // an errno of a file system we do not know
  }
}

failure make_failure(int error, std::string_view what, std::source_location where) {
  const errc code = judge(error, where) == io_verdict::no_space ? errc::no_space : errc::io_failure;
  return {code,
          fmt::format("{}: {} ({}){}", what, ::strerrordesc_np(error), errno_name(error),
                      remedy(error)),
          error};
}

std::string_view errno_name(int error) {
  const char* name = ::strerrorname_np(error);
  return name != nullptr ? name : "unknown errno";
}

}  // namespace ballast::nvme
