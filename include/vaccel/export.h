/* Marks what the shared library exports; everything else in it is hidden. */
#ifndef VACCEL_EXPORT_H
#define VACCEL_EXPORT_H

#define VACCEL_API __attribute__((visibility("default")))

#ifdef __GNUC__
#define VACCEL_DEPRECATED(hint) __attribute__((deprecated(hint)))
#else
#define VACCEL_DEPRECATED(hint)
#endif

#endif
