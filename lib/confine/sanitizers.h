/* Whether this is a build with sanitizers: they read files, start threads and trace the process
 * when it ends, so that such a build cannot be confined. */
#ifndef MAYFLY_CONFINE_SANITIZERS_H
#define MAYFLY_CONFINE_SANITIZERS_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define CONFINE_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CONFINE_SANITIZED 1
#endif
#ifndef CONFINE_SANITIZED
#define CONFINE_SANITIZED 0
#endif

#define CONFINE_SANITIZED_TEXT "this is a build with sanitizers, which need those rights"

#endif
