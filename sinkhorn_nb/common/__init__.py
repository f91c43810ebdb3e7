"""Small tools that every part of the library uses: types of arrays, cached properties, printing."""
