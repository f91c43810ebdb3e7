"""Problems with known answers, a judge of potentials, and adapters of libraries, for everybody."""
