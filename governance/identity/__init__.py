"""Who is who: keys, certificates, revocation, enrolment, and the signed map of the network."""
