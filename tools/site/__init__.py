"""The book as a site: built, slimmed, weighed, photographed."""
