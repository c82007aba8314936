// `rs-memusage/register` has no exports: loading it puts the calling thread on the registry.
export {}
