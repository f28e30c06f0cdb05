/* Attributes of the API's functions. Those that only Mayfly's own build needs (it defines
 * VACCEL_BUILD) are nothing in the eyes of others: the parsers of language bindings read these
 * headers, too. */
#ifndef VACCEL_EXPORT_H
#define VACCEL_EXPORT_H

#ifdef VACCEL_BUILD
/* What the shared library exports; everything else in it is hidden. */
#define VACCEL_API		   __attribute__((visibility("default")))
#define VACCEL_FORMAT(text, first) __attribute__((format(printf, text, first)))
#else
#define VACCEL_API
#define VACCEL_FORMAT(text, first)
#endif

#define VACCEL_DEPRECATED(hint) __attribute__((deprecated(hint)))

#endif
