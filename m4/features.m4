# SPDX-License-Identifier: BSD-2-Clause
# The two kinds of optional feature that configure knows, and the summary that they are reported in.
#
# PM_FEATURE: something in this release uses the library. Without a switch it is used where it is found, and linked to the daemons.
# PM_FUTURE:  a switch that existing build scripts pass, for a plugin that this release does not have. With the switch a
#             missing library is an error, so that a script which needs it fails here and not in production.

# PM_SUMMARY(NAME, TEXT): one line of the summary.
AC_DEFUN([PM_SUMMARY], [AS_VAR_APPEND([pm_summary], ["$(printf '  %-20s %s' '$1' "$2")
"])])

# PM_LIBRARY(LABEL, PKG): pkg-config module PKG, required. Adds to DAEMON_LIBS and BUILD_LIBS.
AC_DEFUN([PM_LIBRARY], [
  PKG_CHECK_MODULES([$1], [$2], [], [AC_MSG_ERROR([$2 is required: install its development package (./dev deps does)])])
  pm_version=$($PKG_CONFIG --modversion $2)
  PM_SUMMARY([$2], [$pm_version (required)])
  AS_VAR_APPEND([pm_build_libs], ["$2 $pm_version\\n"])
])

# PM_FEATURE(SWITCH, PKG, WITH_MACRO, WHAT IT IS FOR)
AC_DEFUN([PM_FEATURE], [
  AC_ARG_ENABLE([$1], [AS_HELP_STRING([--enable-$1], [$4 ($2; default: where found)])], [pm_want=$enableval], [pm_want=auto])
  pm_have=no
  AS_IF([test "$pm_want" != no], [PKG_CHECK_MODULES([$3], [$2], [pm_have=yes], [pm_have=no])])
  AS_IF([test "$pm_want" != no && test "$pm_want" != auto && test $pm_have = no],
        [AC_MSG_ERROR([--enable-$1 was given, but $2 was not found: install its development package])])
  AS_IF([test $pm_have = yes], [
    AC_DEFINE([$3], [1], [Define to 1: $4.])
    AS_VAR_APPEND([pm_feature_libs], [" $$3_LIBS"])
    AS_VAR_APPEND([pm_feature_cflags], [" $$3_CFLAGS"])
    pm_version=$($PKG_CONFIG --modversion $2)
    PM_SUMMARY([$1], [yes, $2 $pm_version: $4])
    AS_VAR_APPEND([pm_build_libs], ["$2 $pm_version\\n"])
  ], [test "$pm_want" = no], [PM_SUMMARY([$1], [no, switched off])],
     [PM_SUMMARY([$1], [no, $2 not found: $4 is left out])])
  AM_CONDITIONAL([$3], [test $pm_have = yes])
])

# PM_HELPER(SWITCH, PKG, WITH_MACRO, WHAT IT IS FOR): as PM_FEATURE, for a helper program in C++ that alone links PKG: its flags are in
# <macro without WITH_>_CFLAGS and _LIBS.
AC_DEFUN([PM_HELPER], [
  AC_ARG_ENABLE([$1], [AS_HELP_STRING([--enable-$1], [$4 ($2; default: where found, with a C++ compiler)])], [pm_want=$enableval], [pm_want=auto])
  pm_have=no
  AS_IF([test "$pm_want" != no], [
    PKG_CHECK_MODULES(m4_bpatsubst([$3], [^WITH_]), [$2], [
      AC_LANG_PUSH([C++])
      pm_save="$CXXFLAGS"; CXXFLAGS="-std=gnu++17"
      AC_COMPILE_IFELSE([AC_LANG_SOURCE([[#include <string>
std::string f(); std::string f() { return "x"; }]])], [pm_have=yes], [pm_have=no])
      CXXFLAGS="$pm_save"
      AC_LANG_POP([C++])], [pm_have=no])])
  AS_IF([test "$pm_want" != no && test "$pm_want" != auto && test $pm_have = no],
        [AC_MSG_ERROR([--enable-$1 was given, but $2 or a C++ compiler was not found])])
  AS_IF([test $pm_have = yes], [PM_SUMMARY([$1], [yes, $2 $($PKG_CONFIG --modversion $2): $4])],
        [test "$pm_want" = no], [PM_SUMMARY([$1], [no, switched off])],
        [PM_SUMMARY([$1], [no, $2 or a C++ compiler not found: $4 is left out])])
  AM_CONDITIONAL([$3], [test $pm_have = yes])
])

# PM_FUTURE(SWITCH, PKGS, WHAT): PKGS are alternatives, tried in order; empty: no library belongs to it.
AC_DEFUN([PM_FUTURE], [
  AC_ARG_ENABLE([$1], [AS_HELP_STRING([--enable-$1], [$3: not in this release, the library is looked for])],
                [pm_want=$enableval], [pm_want=unset])
  AS_IF([test "$pm_want" != unset && test "$pm_want" != no], [
    pm_found=
    for pm_pkg in $2; do
      AS_IF([test -z "$pm_found"], [
        AC_MSG_CHECKING([for $pm_pkg])
        AS_IF([$PKG_CONFIG --exists $pm_pkg], [pm_found="$pm_pkg $($PKG_CONFIG --modversion $pm_pkg)"; AC_MSG_RESULT([yes])],
              [AC_MSG_RESULT([no])])
      ])
    done
    AS_IF([test -z "$pm_found"],
          [AC_MSG_ERROR([--enable-$1 was given, but none of its libraries was found ($2): install a development package])])
    PM_SUMMARY([$1], [no: library found ($pm_found), plugin not in this release])
  ])
])

# PM_ACCEPTED(SWITCH, HOW IT IS HERE): a switch that changes nothing here; said in the summary when it is given.
AC_DEFUN([PM_ACCEPTED], [
  AC_ARG_ENABLE([$1], [AS_HELP_STRING([--enable-$1], [accepted: $2])],
                [PM_SUMMARY([$1], [$enableval was asked for: $2])])
])
